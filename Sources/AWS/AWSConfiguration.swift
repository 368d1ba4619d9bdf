import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What every AWS client needs: region, credentials, transport, endpoints.
///
/// Make one for the life of the process and share it among the clients: with it they share the retry budget and what
/// was learnt about the clock.
public struct AWSConfiguration: Sendable {
  /// The region, such as `eu-central-1`.
  public let region: String
  private let credentials: any CredentialsProvider
  private let transport: any HTTPTransport
  private let retryPolicy: RetryPolicy
  private let attemptTimeout: Duration
  private let clock = SigningClock()
  private let environment: [String: String]

  /// The configuration that the environment gives, by the names that every AWS SDK uses: `AWS_REGION` (or
  /// `AWS_DEFAULT_REGION`), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`,
  /// `AWS_CONTAINER_CREDENTIALS_FULL_URI` and its kin, `AWS_MAX_ATTEMPTS`, `AWS_ENDPOINT_URL` and its forms for one
  /// service.
  ///
  /// - Parameter attemptTimeout: the longest that one attempt of a call may take, from connecting to the last byte. A
  ///   DynamoDB or @connections call takes milliseconds; an invocation has seconds, in which a second attempt must
  ///   still have its chance.
  /// - Throws: `ConfigurationError`, which names the variable and what to do.
  public init(
    environment: [String: String], transport: any HTTPTransport, attemptTimeout: Duration = .seconds(5)
  ) throws(ConfigurationError) {
    try self.init(
      environment: environment, transport: transport, attemptTimeout: attemptTimeout,
      retryPolicy: RetryPolicy(environment: environment))
  }

  init(
    environment: [String: String], transport: any HTTPTransport, attemptTimeout: Duration, retryPolicy: RetryPolicy
  ) throws(ConfigurationError) {
    guard let region = environment.value("AWS_REGION") ?? environment.value("AWS_DEFAULT_REGION") else {
      throw ConfigurationError("AWS_REGION is not set: set it to the region of the table, such as eu-central-1.")
    }
    // The region becomes part of a host name.
    guard region.utf8.count <= 63, region.isHostName, !region.contains(".") else {
      throw ConfigurationError("AWS_REGION is \(region.debugDescription), which is not the name of a region.")
    }
    self.region = region
    self.credentials = try credentialsProvider(environment: environment, transport: transport)
    self.transport = transport
    self.retryPolicy = retryPolicy
    self.attemptTimeout = attemptTimeout
    self.environment = environment
    // An endpoint that cannot be is found here, at the start, and not by the first message.
    for service in Service.allCases { _ = try endpoint(service) }
  }

  /// A client of a service in the configuration's region.
  func client(service: String, signingName: String) -> ServiceClient {
    ServiceClient(
      service: service,
      authentication: .signature(region: region, service: signingName, SigningScopeCache(), credentials),
      transport: transport, retryPolicy: retryPolicy, clock: clock, attemptTimeout: attemptTimeout)
  }

  /// A service that may have an endpoint of its own, by its part of the variable's name.
  enum Service: String, CaseIterable {
    case dynamoDB = "DYNAMODB"
    case managementAPI = "APIGATEWAYMANAGEMENTAPI"

    /// The variables that may give its endpoint, the first before the others.
    var endpointVariables: [String] {
      let own = "AWS_ENDPOINT_URL_\(rawValue)"
      return self == .managementAPI ? [own] : [own, "AWS_ENDPOINT_URL"]
    }

    /// What may stand in braces in its endpoint.
    var placeholders: [String] { self == .managementAPI ? ["apiId", "stage"] : [] }
  }

  /// The endpoint that the environment gives for a service, `nil` where it gives none.
  ///
  /// - Parameter placeholders: what `{name}` in the URL stands for; a letter, where it is not known yet.
  func endpoint(_ service: Service, placeholders: [String: String] = [:]) throws(ConfigurationError) -> URL? {
    for variable in service.endpointVariables {
      guard let value = environment.value(variable) else { continue }
      let text = service.placeholders.reduce(value) { text, name in
        text.replacing("{\(name)}", with: PercentEncoding.encode((placeholders[name] ?? "x").utf8))
      }
      guard let url = URL(absoluteHTTP: text), url.query == nil else {
        let exception = service.placeholders.isEmpty ? "" : "; {apiId} and {stage} may stand in it"
        throw ConfigurationError(
          "\(variable) has to be an http or https URL without user, query or fragment\(exception).")
      }
      return url
    }
    return nil
  }

  /// The DNS suffix of the region's partition, as botocore's `partitions.json` lists them.
  var dnsSuffix: String {
    let partitions = [
      ("cn-", "amazonaws.com.cn"), ("us-isob-", "sc2s.sgov.gov"), ("us-isof-", "csp.hci.ic.gov"),
      ("us-iso-", "c2s.ic.gov"), ("eu-isoe-", "cloud.adc-e.uk"), ("eusc-", "amazonaws.eu"),
    ]
    return partitions.first { region.hasPrefix($0.0) }?.1 ?? "amazonaws.com"
  }
}

extension String {
  /// Whether nothing stands in it but letters, digits, dots and hyphens, which no URL takes for anything else.
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
