import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The region, credentials, transport and endpoints that AWS clients share.
///
/// Create one for the life of the process. Clients of the same service share its retry budget, signing keys and measured
/// clock skew through it.
public struct AWSConfiguration: Sendable {
  /// The region, such as `eu-central-1`.
  public let region: String
  private let credentials: any CredentialsProvider
  private let transport: any HTTPTransport
  private let retryPolicy: RetryPolicy
  private let attemptTimeout: Duration
  private let clock = SigningClock()
  // No dictionary: its type costs a start 12 % of its instructions.
  private let dynamoDB: ServiceState
  private let managementAPI: ServiceState
  private let lambda: ServiceState

  /// The parts that all clients of one service share.
  private struct ServiceState: Sendable {
    let endpoint: EndpointTemplate?
    let retryTokens = RetryTokens()
    let signing = SigningCache()

    init(_ service: AWSService, _ environment: Environment) throws(ConfigurationError) {
      endpoint = try EndpointTemplate(of: service, environment: environment)
    }
  }

  /// Reads the configuration from the environment variables of the AWS SDKs: `AWS_REGION` or `AWS_DEFAULT_REGION`,
  /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_CONTAINER_CREDENTIALS_FULL_URI` or
  /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, `AWS_MAX_ATTEMPTS`, `AWS_ENDPOINT_URL` and its forms for one service.
  ///
  /// - Parameters:
  ///   - environment: the variables by name.
  ///   - transport: sends the requests of every client.
  ///   - attemptTimeout: the longest duration of one attempt, from connecting to the last byte. A DynamoDB or @connections
  ///     call takes milliseconds; an invocation has seconds, which must suffice for a second attempt.
  /// - Throws: `ConfigurationError`, which names the variable and what to do.
  public init(
    environment: [String: String], transport: any HTTPTransport, attemptTimeout: Duration = .seconds(5)
  ) throws(ConfigurationError) {
    let environment = Environment(environment)
    try self.init(
      environment: environment, transport: transport, attemptTimeout: attemptTimeout,
      retryPolicy: RetryPolicy(environment: environment))
  }

  package init(
    environment: Environment, transport: any HTTPTransport, attemptTimeout: Duration, retryPolicy: RetryPolicy
  ) throws(ConfigurationError) {
    let (named, fallback) = (try environment.value("AWS_REGION"), try environment.value("AWS_DEFAULT_REGION"))
    guard let region = named ?? fallback else {
      throw ConfigurationError("AWS_REGION is not set: set it to the region of the table, such as eu-central-1.")
    }
    // The region becomes part of a host name.
    guard region.utf8.count <= 63, region.isHostName, !region.contains(".") else {
      throw ConfigurationError("AWS_REGION is \(ExternalText.quoted(region)), which is not the name of a region.")
    }
    self.region = region
    self.credentials = try credentialsProvider(environment: environment, transport: transport)
    self.transport = transport
    self.retryPolicy = retryPolicy
    self.attemptTimeout = attemptTimeout
    dynamoDB = try ServiceState(.dynamoDB, environment)
    managementAPI = try ServiceState(.managementAPI, environment)
    lambda = try ServiceState(.lambda, environment)
  }

  private func state(_ service: AWSService) -> ServiceState {
    switch service {
    case .dynamoDB: dynamoDB
    case .managementAPI: managementAPI
    case .lambda: lambda
    }
  }

  /// A client of a service in the configuration's region.
  func client(_ service: AWSService) -> ServiceClient {
    let state = state(service)
    return ServiceClient(
      service: service.rawValue,
      authentication: .signature(region: region, service: service.signingName, state.signing, credentials),
      transport: transport, retryPolicy: retryPolicy, retryTokens: state.retryTokens, clock: clock,
      attemptTimeout: attemptTimeout)
  }

  /// The endpoint that the environment sets for a service, `nil` if it sets none.
  ///
  /// - Parameter placeholders: the values for `{name}` in the URL.
  func endpoint(_ service: AWSService, placeholders: [String: String] = [:]) throws(ConfigurationError) -> TargetURI? {
    try state(service).endpoint?.target(placeholders)
  }

  /// The DNS suffix of the region's partition, as in botocore's `partitions.json`.
  var dnsSuffix: String {
    let partitions = [
      ("cn-", "amazonaws.com.cn"), ("us-isob-", "sc2s.sgov.gov"), ("us-isof-", "csp.hci.ic.gov"),
      ("us-iso-", "c2s.ic.gov"), ("eu-isoe-", "cloud.adc-e.uk"), ("eusc-", "amazonaws.eu"),
    ]
    return partitions.first { region.hasPrefix($0.0) }?.1 ?? "amazonaws.com"
  }
}

extension AWSConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The region only: the credentials hold secrets.
  public var description: String { "AWSConfiguration(\(region))" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// The region only.
  public var customMirror: Mirror { Mirror(self, children: ["region": region]) }
}

extension String {
  /// Whether the text consists of letters, digits, dots and hyphens, which every URL parser reads as a host.
  var isHostName: Bool {
    !isEmpty && utf8.count <= 253
      && utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}
