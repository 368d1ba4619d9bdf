import EventLoop
import HTTP
import JSON
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
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

  private let endpoint: TargetURI
  private let token: ContainerAuthorizationToken
  private let client: ServiceClient
  private let now: @Sendable () -> Date

  /// - Parameter now: the clock, for tests.
  /// - Returns: `nil` if the environment names no endpoint.
  /// - Throws: `ConfigurationError` if it names an invalid one.
  init?(
    environment: Environment, transport: any HTTPTransport, now: @escaping @Sendable () -> Date = { Date() }
  ) throws(ConfigurationError) {
    guard let endpoint = try TargetURI(containerCredentials: environment) else { return nil }
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
    var request = HTTPRequest(method: .get, target: endpoint, headers: ["Accept": "application/json"])
    request.headers["Authorization"] = try token.current()
    let now = now()
    return try await client.call("GetCredentials", request) { response in
      let credentials: ExpiringCredentials
      do {
        credentials = try ExpiringCredentials(json: response.body)
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
private struct ExpiringCredentials: Sendable {
  let credentials: Credentials
  let expiration: Date

  /// - Throws: `InvalidBody` for a value that cannot be used, `JSONScanner.Mismatch` for another text.
  init(json: [UInt8]) throws {
    let members = try JSONScanner.strings(
      named: ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"], of: json)
    func text(_ name: String) throws(InvalidBody) -> String? {
      guard let text = members[name], !text.isEmpty else { return nil }
      if let problem = text.strayCharacter() { throw InvalidBody("\(name) \(problem)") }
      return text
    }
    guard let id = try text("AccessKeyId"), let secret = try text("SecretAccessKey") else {
      throw InvalidBody("AccessKeyId or SecretAccessKey is missing")
    }
    credentials = Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: try text("Token"))
    // Long-term keys have no expiration, or null, or an empty string.
    guard let expiration = try text("Expiration") else {
      self.expiration = .distantFuture
      return
    }
    guard let milliseconds = UTCTime.milliseconds(expiration) else { throw JSONScanner.Mismatch() }
    self.expiration = Date(timeIntervalSince1970: TimeInterval(milliseconds) / 1000)
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
  func current() throws(ConfigurationError) -> String? {
    guard let file else { return value }
    guard let bytes = Self.contents(of: file) else {
      throw ConfigurationError("\(Self.fileVariable): \(ExternalText.quoted(file)) cannot be read.")
    }
    // A line break at the end of a file is not part of the token.
    let token = String(decoding: bytes, as: UTF8.self).trimmingCharacters(while: \.isWhitespace)
    if let problem = token.strayCharacter(allowsSpaces: true) {
      throw ConfigurationError("\(Self.fileVariable): the token in \(ExternalText.quoted(file)) \(problem).")
    }
    return token
  }

  /// The first 64 KiB of a file, far more than a token; `nil` if it cannot be read.
  private static func contents(of file: String) -> [UInt8]? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while bytes.count < 65_536 {
      let count = read(descriptor, &chunk, chunk.count)
      guard count >= 0 || errno == EINTR else { return nil }
      if count == 0 { break }
      if count > 0 { bytes += chunk[..<count] }
    }
    return bytes
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

extension TargetURI {
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
    guard let target = TargetURI(absoluteHTTP: text) else {
      throw ConfigurationError("\(name) is not an http or https URL.")
    }
    // The response holds the secret key: unencrypted only from these hosts, as in the AWS SDKs.
    guard target.isSecure || target.isOnThisMachine else {
      throw ConfigurationError(
        "\(name) uses http, which is allowed for loopback addresses, 169.254.170.2, 169.254.170.23 and "
          + "[fd00:ec2::23] only: use https.")
    }
    self = target
  }

  private var isOnThisMachine: Bool {
    let host = host.lowercased()
    let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
    return ["localhost", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(host)
      || (octets.count == 4 && octets.first == 127 && !octets.contains(nil))
  }
}
