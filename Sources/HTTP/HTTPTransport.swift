/// Sends requests and returns their responses.
///
/// The only way to the network for the AWS clients and the Runtime API client, so that a test or a build can replace
/// the transport.
public protocol HTTPTransport: Sendable {
  /// Sends a request and returns the complete response, also one with an error status.
  ///
  /// A transport follows no redirect, because a signed request is only valid for its own URL, and retries nothing,
  /// because only the caller knows whether a second attempt is safe. One exception is allowed if the transport documents
  /// it: a request on a kept connection that is found dead before any byte of the response arrives may be repeated on
  /// another connection.
  ///
  /// - Throws: `HTTPError` without a complete response, `CancellationError` if the task is cancelled.
  func send(_ request: HTTPRequest) async throws -> HTTPResponse
}
