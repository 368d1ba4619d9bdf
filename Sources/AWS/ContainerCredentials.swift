import EventLoop
import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Credentials from an endpoint beside the program, as ECS, EKS Pod Identity and Lambda SnapStart have one.
///
/// They are kept until shortly before they expire. Callers at the same time share one request. While credentials are
/// still valid, a refresh that fails does no harm: they stay in use and the endpoint is asked again a little later.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
actor ContainerCredentials: CredentialsProvider {
  /// How long before their end credentials are refreshed.
  static let refreshAhead: TimeInterval = 300
  /// The least time between two requests while there are credentials.
  static let refreshPause: TimeInterval = 30

  private var current: ExpiringCredentials?
  /// From when on new ones are asked for although there are valid ones.
  private var refreshAt = Date.distantPast
  private var refresh: Task<ExpiringCredentials, any Error>?

  private let endpoint: URL
  private let token: ContainerAuthorizationToken
  private let client: ServiceClient
  private let now: @Sendable () -> Date

  /// - Parameter now: the clock, for tests.
  /// - Returns: `nil` when the environment names no endpoint.
  /// - Throws: `ConfigurationError` when it names one that cannot be.
  init?(
    environment: [String: String], transport: any HTTPTransport, now: @escaping @Sendable () -> Date = { Date() }
  ) throws(ConfigurationError) {
    guard let endpoint = try URL(containerCredentials: environment) else { return nil }
    self.endpoint = endpoint
    self.token = ContainerAuthorizationToken(environment: environment)
    self.now = now
    // A retry budget of its own: the endpoint's troubles are not those of the services.
    client = ServiceClient(
      service: "ContainerCredentials", authentication: .none, transport: transport,
      retryPolicy: RetryPolicy(), clock: SigningClock(), attemptTimeout: .seconds(2))
  }

  /// The credentials in force now.
  func credentials() async throws -> Credentials {
    if let current, now() < refreshAt, now() < current.expiration { return current.credentials }
    // It serves every caller, so neither the cancellation nor the deadline of the first may end it.
    let refresh =
      self.refresh
      ?? Deadline.$current.withValue(nil) {
        Task(executorPreference: EventLoop.current) { try await self.refreshed() }
      }
    self.refresh = refresh
    return try await refresh.value.credentials
  }

  /// Asks the endpoint, and falls back on what there is.
  private func refreshed() async throws -> ExpiringCredentials {
    defer { refresh = nil }
    do {
      let fresh = try await fetch()
      current = fresh
      refreshAt = max(fresh.expiration - Self.refreshAhead, now() + Self.refreshPause)
      return fresh
    } catch {
      guard let current, now() < current.expiration else { throw error }
      refreshAt = now() + Self.refreshPause
      return current
    }
  }

  private func fetch() async throws -> ExpiringCredentials {
    var request = HTTPRequest(method: .get, url: endpoint, headers: ["Accept": "application/json"])
    request.headers["Authorization"] = try token.read()
    let now = now()
    return try await client.call("GetCredentials", request) { response in
      guard let credentials = try? JSONDecoder().decode(ExpiringCredentials.self, from: Data(response.body)) else {
        throw InvalidBody("the body is not the JSON of credentials")
      }
      guard now < credentials.expiration else { throw InvalidBody("the credentials have expired") }
      return credentials
    }
  }
}

/// Credentials as the endpoint gives them.
private struct ExpiringCredentials: Decodable, Sendable {
  let credentials: Credentials
  let expiration: Date

  private enum Key: String, CodingKey {
    case AccessKeyId, SecretAccessKey, Token, Expiration
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    credentials = Credentials(
      accessKeyID: try container.decode(String.self, forKey: .AccessKeyId),
      secretAccessKey: try container.decode(String.self, forKey: .SecretAccessKey),
      sessionToken: try container.decodeIfPresent(String.self, forKey: .Token))
    expiration = try Date(container.decode(String.self, forKey: .Expiration), strategy: .iso8601)
  }
}

/// What the endpoint wants in `Authorization`.
private struct ContainerAuthorizationToken: Sendable {
  private let file: String?
  private let value: String?

  init(environment: [String: String]) {
    file = environment.value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    value = environment.value("AWS_CONTAINER_AUTHORIZATION_TOKEN")
  }

  /// The token, read anew each time where it stands in a file, since such a token changes.
  func read() throws(ConfigurationError) -> String? {
    guard let file else { return value }
    guard let data = FileManager.default.contents(atPath: file) else {
      throw ConfigurationError("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: \(file.debugDescription) cannot be read.")
    }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(while: \.isWhitespace)
  }
}

extension String {
  fileprivate func trimmingCharacters(while condition: (Character) -> Bool) -> String {
    String(drop(while: condition).reversed().drop(while: condition).reversed())
  }
}

extension URL {
  /// The endpoint of `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
  fileprivate init?(containerCredentials environment: [String: String]) throws(ConfigurationError) {
    let name: String
    let text: String
    if let path = environment.value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
      name = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
      guard path.hasPrefix("/") else { throw ConfigurationError("\(name) has to begin with a slash.") }
      text = "http://169.254.170.2\(path)"
    } else if let uri = environment.value("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
      (name, text) = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    } else {
      return nil
    }
    guard let url = URL(absoluteHTTP: text) else { throw ConfigurationError("\(name) is not an http or https URL.") }
    // The secret key must not cross a network in the clear: hosts of this machine only, as in the AWS SDKs.
    guard url.scheme == "https" || url.isOnThisMachine else {
      throw ConfigurationError(
        "\(name) is of plain http, which is for a loopback address, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23] "
          + "alone: use https.")
    }
    self = url
  }

  private var isOnThisMachine: Bool {
    guard let host = host(percentEncoded: true)?.lowercased().filter({ $0 != "[" && $0 != "]" }) else { return false }
    let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
    return ["localhost", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(host)
      || (octets.count == 4 && octets.first == 127 && !octets.contains(nil))
  }
}
