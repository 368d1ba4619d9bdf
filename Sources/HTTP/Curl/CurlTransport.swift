import EventLoop

/// HTTP by libcurl's multi interface, on an event loop: a request from a task of that loop takes no hop to another
/// thread.
///
/// Connections, addresses and TLS sessions are kept and reused. TLS is at least 1.2; certificates and names are always
/// verified. A request to an `https` URL goes through the proxy that `HTTPS_PROXY` names, unless `NO_PROXY` excepts its
/// host (see `ProxyExceptions`); one to an `http` URL, such as the Runtime API on this machine, never does.
public final class CurlTransport: HTTPTransport {
  /// The most connections to one host, and the most idle ones that are kept: half of the 1,024 file descriptors of a
  /// Lambda function.
  public static let maximumConnections = 512

  let loop: EventLoop
  let pool: CurlHandlePool

  /// Creates a transport.
  ///
  /// - Parameters:
  ///   - connectTimeout: the limit for connecting and the TLS handshake together, counted from the end of name
  ///     resolution.
  ///   - certificateAuthorities: the path of a PEM file of trusted authorities, `nil` for the system's.
  ///   - loop: the loop to run on; its own tasks are served fastest.
  public init(
    connectTimeout: Duration = .seconds(2), certificateAuthorities: String? = nil,
    loop: EventLoop = .current ?? .background
  ) {
    self.loop = loop
    pool = CurlHandlePool(
      CurlHandle.Settings(
        connectTimeout: connectTimeout, certificateAuthorities: certificateAuthorities,
        proxyExceptions: .fromEnvironment()))
  }

  deinit { loop.perform { [pool] in pool.empty() } }

  /// Sends a request and returns the complete response, also one with an error status.
  ///
  /// If a kept connection turns out to be dead before any byte of the response arrived, libcurl repeats the request on
  /// another connection. A request that times out on a kept connection fails with `HTTPError.isOnKeptConnection`, and every
  /// connection that is idle at that moment is dropped, so that the next request uses a new one.
  public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    try await send(CurlExchange(request, self), of: request)
  }

  /// Sends a POST request whose body is written during the request, in chunks, and returns the complete response.
  ///
  /// Each write is sent at once. The request needs the field `Transfer-Encoding: chunked`, and for a trailer the field
  /// `Trailer`. It is sent on a connection of its own, and never repeated. The response may come before the body is
  /// complete: the caller must then end the writers with `BodyStream.fail`, and likewise for an error.
  package func send(_ request: HTTPRequest, body: BodyStream) async throws -> HTTPResponse {
    try await send(CurlExchange(request, body: body, self), of: request)
  }

  private func send(_ exchange: CurlExchange, of request: HTTPRequest) async throws -> HTTPResponse {
    try request.validate()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        loop.perform { exchange.start(continuation) }
      }
    } onCancel: {
      loop.perform { exchange.cancel() }
    }
  }
}
