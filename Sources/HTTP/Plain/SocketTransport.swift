import EventLoop

/// HTTP/1.1 on plain sockets, on an event loop, for servers whose address is a number: the Lambda Runtime API.
///
/// A Lambda invocation makes two small requests on one kept connection. With this transport, a warm invocation of the lean
/// build takes 0.09 ms of CPU time, with libcurl 0.15 ms (`scripts/bench invoke`, 2026-11-26, x86_64). It has neither TLS
/// nor name resolution nor proxies; for those there is `CurlTransport`.
package final class SocketTransport: HTTPTransport {
  /// The most connections unless `init` says otherwise.
  package static let maximumConnections = 512

  let loop: EventLoop
  let pool: SocketPool
  let connectTimeout: Duration

  /// Creates a transport.
  ///
  /// - Parameters:
  ///   - connectTimeout: the limit for connecting.
  ///   - maximumConnections: the most connections, idle ones included; further requests wait.
  ///   - loop: the loop to run on; its own tasks are served fastest.
  package init(
    connectTimeout: Duration = .seconds(2), maximumConnections: Int = maximumConnections,
    loop: EventLoop = .current ?? .background
  ) {
    self.connectTimeout = connectTimeout
    self.loop = loop
    pool = SocketPool(maximumConnections: maximumConnections)
  }

  deinit { loop.perform { [pool] in pool.empty() } }

  /// Sends a request to an `http` URL whose host is an IP address, and returns the complete response, also one with an error
  /// status.
  ///
  /// If a kept connection turns out to be dead before any byte of the response arrived, the request is repeated once, on a
  /// new connection. A request that times out on a kept connection fails with `HTTPError.isOnKeptConnection`, and every
  /// connection that has been idle since before the request is dropped.
  ///
  /// - Throws: `HTTPError`, with `.nameNotResolved` for a host that is a name; `CancellationError`.
  package func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    try request.validateForSocket()
    let exchange = SocketExchange(request, self)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        loop.perform { exchange.start(continuation) }
      }
    } onCancel: {
      loop.perform { exchange.cancel() }
    }
  }
}
