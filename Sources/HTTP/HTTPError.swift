/// The reason why a request returned no complete response.
public struct HTTPError: Error, Sendable, Equatable {
  /// The kinds of failure that a caller can tell apart.
  public enum Reason: String, Sendable {
    /// The request cannot be sent without a change; nothing was sent.
    case invalidRequest = "invalid request"
    /// The host's name has no address.
    case nameNotResolved = "name not resolved"
    /// No connection was established; nothing was sent.
    case cannotConnect = "cannot connect"
    /// The peer's certificate was rejected or the TLS handshake failed; nothing was sent.
    case tls = "TLS failure"
    /// The request's timeout expired; the peer may have acted on the request.
    case timedOut = "timed out"
    /// The connection ended before the response did; the peer may have acted on the request.
    case connectionLost = "connection lost"
    /// The peer's bytes are not an HTTP response.
    case invalidResponse = "invalid response"
    /// The response body or header block exceeds its limit; the peer may have acted on the request.
    case responseTooLarge = "response too large"
    /// Any other failure, described by `detail`.
    case other = "transfer failed"
  }

  /// The kind of failure.
  public let reason: Reason
  /// The request method.
  public let method: HTTPMethod
  /// The request's scheme, host, port and path, without the query, which may hold a signature.
  public let target: String
  /// The transport's own message.
  public let detail: String
  /// Whether the request was sent on a kept connection, which may have died unnoticed while it was idle.
  public let isOnKeptConnection: Bool

  /// Describes the failure of a request.
  public init(_ reason: Reason, _ request: HTTPRequest, detail: String, isOnKeptConnection: Bool = false) {
    self.isOnKeptConnection = isOnKeptConnection
    self.reason = reason
    self.method = request.method
    self.target = request.target.withoutSecrets
    self.detail = detail.withoutProxyCredentials
  }
}

extension HTTPError: CustomStringConvertible {
  /// One line: method, target, reason and detail.
  public var description: String {
    "\(method.rawValue) \(target): \(reason.rawValue)\(detail.isEmpty ? "" : " (\(detail))")"
  }
}
