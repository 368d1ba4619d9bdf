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
  let credentials: any CredentialsProvider
  let transport: any HTTPTransport
  let retryPolicy: RetryPolicy
  let clock = SigningClock()
  private let environment: [String: String]

  /// The configuration that the environment gives, by the names that every AWS SDK uses: `AWS_REGION` (or
  /// `AWS_DEFAULT_REGION`), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_MAX_ATTEMPTS`,
  /// `AWS_ENDPOINT_URL` and its forms for one service.
  ///
  /// - Throws: `ConfigurationError`, which names the variable and what to do.
  public init(environment: [String: String], transport: any HTTPTransport) throws(ConfigurationError) {
    guard let region = environment.value("AWS_REGION") ?? environment.value("AWS_DEFAULT_REGION") else {
      throw ConfigurationError("AWS_REGION is not set: set it to the region of the table, such as eu-central-1.")
    }
    // The region becomes part of a host name.
    guard region.utf8.count <= 63, region.utf8.allSatisfy(\.isHostLabelCharacter) else {
      throw ConfigurationError("AWS_REGION is \(region.debugDescription), which is not the name of a region.")
    }
    guard let credentials = try Credentials(environment: environment) else {
      throw ConfigurationError("No AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    }
    self.region = region
    self.credentials = credentials
    self.transport = transport
    self.retryPolicy = try RetryPolicy(environment: environment)
    self.environment = environment
  }

  /// The endpoint that the environment gives for a service, `nil` where it gives none.
  ///
  /// - Parameters:
  ///   - suffix: the service's part of the variable's name, such as `DYNAMODB`.
  ///   - placeholders: what `{name}` in the URL stands for.
  ///   - fallingBack: takes `AWS_ENDPOINT_URL` where the service has no variable of its own.
  func endpoint(
    _ suffix: String, placeholders: [String: String] = [:], fallingBack: Bool = true
  ) throws(ConfigurationError) -> URL? {
    let names = ["AWS_ENDPOINT_URL_\(suffix)"] + (fallingBack ? ["AWS_ENDPOINT_URL"] : [])
    guard let name = names.first(where: { environment.value($0) != nil }), let value = environment.value(name) else {
      return nil
    }
    let text = placeholders.reduce(value) { text, placeholder in
      text.replacing("{\(placeholder.key)}", with: PercentEncoding.encode(placeholder.value.utf8))
    }
    guard let url = URL(string: text), url.scheme == "https" || url.scheme == "http",
      url.host(percentEncoded: true)?.isEmpty == false, url.query == nil, url.fragment == nil
    else {
      throw ConfigurationError("\(name) is \(value.debugDescription): an http or https URL without a query is needed.")
    }
    return url
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

extension UInt8 {
  fileprivate var isHostLabelCharacter: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
