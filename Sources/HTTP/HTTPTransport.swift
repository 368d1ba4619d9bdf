/// What sends a request and brings back its response.
///
/// Every AWS client and the Runtime API client speak through this one function, so a transport can be exchanged
/// without either of them knowing.
public protocol HTTPTransport: Sendable {
  /// Sends a request and returns the whole response, whatever its status.
  ///
  /// Redirects are not followed and nothing is retried: a signed request is only valid for the URL it was signed for,
  /// and only the caller knows whether a second attempt is safe. But for one thing, where a transport says so: a kept
  /// connection that proves dead before anything came back may be replaced by a new one.
  ///
  /// - Throws: `HTTPError` when no whole response came back, `CancellationError` when the task was cancelled.
  func send(_ request: HTTPRequest) async throws -> HTTPResponse
}
