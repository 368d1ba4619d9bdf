/// The reason why a request returned no complete response.
public struct HTTPError: Error, Sendable, Equatable {
  /// The kinds of failure that a caller can tell apart.
  public enum Reason: String, Sendable {
    /// The request cannot be sent as it stands; nothing went out.
    case invalidRequest = "invalid request"
    /// The host's name has no address.
    case nameNotResolved = "name not resolved"
    /// No connection came about; nothing went out.
    case cannotConnect = "cannot connect"
    /// The peer's certificate or the TLS handshake was refused; nothing went out.
    case tls = "TLS failure"
    /// The time allowed was over; the peer may have acted on the request.
    case timedOut = "timed out"
    /// The connection ended before the response did; the peer may have acted on the request.
    case connectionLost = "connection lost"
    /// What came back is not an HTTP response.
    case invalidResponse = "invalid response"
    /// The response body or header block exceeds its limit; the peer may have acted on the request.
    case responseTooLarge = "response too large"
    /// Anything else; `detail` tells.
    case other = "transfer failed"
  }

  /// What went wrong.
  public let reason: Reason
  /// The request method.
  public let method: HTTPMethod
  /// Scheme, host, port and path of the request; never its query, which could hold a signature.
  public let target: String
  /// What the transport itself said.
  public let detail: String
  /// Whether the request went out on a kept connection, which may have died unnoticed while it was idle.
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
  /// One line: verb, target, what went wrong and what the transport said.
  public var description: String {
    "\(method.rawValue) \(target): \(reason.rawValue)\(detail.isEmpty ? "" : " (\(detail))")"
  }
}
