import EventLoop
import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Credentials from the local endpoint that ECS, EKS Pod Identity and Lambda SnapStart provide.
///
/// Credentials are cached until five minutes before they expire, or for the life of the process if they have no
/// expiration. Concurrent callers share one request. If a refresh fails while the credentials are valid, they stay in
/// use, and the next refresh is tried after 30 seconds.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
actor ContainerCredentials: CredentialsProvider {
  /// The time before expiration at which credentials are refreshed, in seconds.
  static let refreshAhead: TimeInterval = 300
  /// The minimum time between two requests while credentials are valid, in seconds.
  static let refreshPause: TimeInterval = 30

  private var current: ExpiringCredentials?
  /// When to refresh credentials that are still valid.
  private var refreshAt = Date.distantPast
  private var refresh: Task<ExpiringCredentials, any Error>?

  private let endpoint: URL
  private let token: ContainerAuthorizationToken
  private let client: ServiceClient
  private let now: @Sendable () -> Date

  /// - Parameter now: the clock, for tests.
  /// - Returns: `nil` if the environment names no endpoint.
  /// - Throws: `ConfigurationError` if it names an invalid one.
  init?(
    environment: Environment, transport: any HTTPTransport, now: @escaping @Sendable () -> Date = { Date() }
  ) throws(ConfigurationError) {
    guard let endpoint = try URL(containerCredentials: environment) else { return nil }
    self.endpoint = endpoint
    self.token = try ContainerAuthorizationToken(environment: environment)
    self.now = now
    client = ServiceClient(
      service: "ContainerCredentials", authentication: .none, transport: transport,
      retryPolicy: RetryPolicy(), retryTokens: RetryTokens(), clock: SigningClock(), attemptTimeout: .seconds(2))
  }

  /// The current credentials.
  func credentials() async throws -> Credentials {
    if let current, now() < refreshAt, now() < current.expiration { return current.credentials }
    // The request serves every caller, so the first caller's cancellation or deadline must not end it.
    let refresh =
      self.refresh
      ?? Deadline.$current.withValue(nil) {
        Task(executorPreference: EventLoop.current) { try await self.refreshed() }
      }
    self.refresh = refresh
    return try await refresh.value.credentials
  }

  /// Fetches new credentials, or falls back on the current ones while they are valid.
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
      let credentials: ExpiringCredentials
      do {
        credentials = try JSONDecoder().decode(ExpiringCredentials.self, from: Data(response.body))
      } catch let error as InvalidBody {
        throw error
      } catch {
        throw InvalidBody("the body is not the JSON of credentials")
      }
      guard now < credentials.expiration else { throw InvalidBody("the credentials have expired") }
      return credentials
    }
  }
}

/// The endpoint's response.
private struct ExpiringCredentials: Decodable, Sendable {
  let credentials: Credentials
  let expiration: Date

  private enum Key: String, CodingKey {
    case AccessKeyId, SecretAccessKey, Token, Expiration
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    func text(_ key: Key) throws -> String? {
      guard let text = try container.decodeIfPresent(String.self, forKey: key), !text.isEmpty else { return nil }
      if let problem = text.strayCharacter() { throw InvalidBody("\(key.rawValue) \(problem)") }
      return text
    }
    guard let id = try text(.AccessKeyId), let secret = try text(.SecretAccessKey) else {
      throw InvalidBody("AccessKeyId or SecretAccessKey is missing")
    }
    credentials = Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: try text(.Token))
    // Long-term keys have no expiration, or null, or an empty string.
    guard let expiration = try text(.Expiration) else {
      self.expiration = .distantFuture
      return
    }
    let withFraction = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    self.expiration = try (try? Date(expiration, strategy: .iso8601)) ?? Date(expiration, strategy: withFraction)
  }
}

/// The value that the endpoint expects in `Authorization`.
private struct ContainerAuthorizationToken: Sendable {
  private static let fileVariable = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
  private let file: String?
  private let value: String?

  init(environment: Environment) throws(ConfigurationError) {
    file = try environment.value(Self.fileVariable, allowsSpaces: true)
    value = try environment.value("AWS_CONTAINER_AUTHORIZATION_TOKEN", allowsSpaces: true)
  }

  /// Reads the token. A file is read each time, because its token is rotated.
  func read() throws(ConfigurationError) -> String? {
    guard let file else { return value }
    guard let data = FileManager.default.contents(atPath: file) else {
      throw ConfigurationError("\(Self.fileVariable): \(ExternalText.quoted(file)) cannot be read.")
    }
    // A line break at the end of a file is not part of the token.
    let token = String(decoding: data, as: UTF8.self).trimmingCharacters(while: \.isWhitespace)
    if let problem = token.strayCharacter(allowsSpaces: true) {
      throw ConfigurationError("\(Self.fileVariable): the token in \(ExternalText.quoted(file)) \(problem).")
    }
    return token
  }
}

extension ContainerAuthorizationToken: CustomReflectable {
  /// A mirror without children: the token is a secret.
  var customMirror: Mirror { Mirror(self, children: []) }
}

extension ContainerCredentials: CustomReflectable {
  /// A mirror without children: the credentials are a secret.
  nonisolated var customMirror: Mirror { Mirror(self, children: []) }
}

extension String {
  fileprivate func trimmingCharacters(while condition: (Character) -> Bool) -> String {
    String(drop(while: condition).reversed().drop(while: condition).reversed())
  }
}

extension URL {
  /// The endpoint of `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
  fileprivate init?(containerCredentials environment: Environment) throws(ConfigurationError) {
    let name: String
    let text: String
    if let path = try environment.value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
      name = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
      guard path.hasPrefix("/") else { throw ConfigurationError("\(name) must begin with a slash.") }
      text = "http://169.254.170.2\(path)"
    } else if let uri = try environment.value("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
      (name, text) = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    } else {
      return nil
    }
    guard let url = URL(absoluteHTTP: text) else { throw ConfigurationError("\(name) is not an http or https URL.") }
    // The response holds the secret key: unencrypted only from these hosts, as in the AWS SDKs.
    guard url.scheme == "https" || url.isOnThisMachine else {
      throw ConfigurationError(
        "\(name) uses http, which is allowed for loopback addresses, 169.254.170.2, 169.254.170.23 and "
          + "[fd00:ec2::23] only: use https.")
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
