import EventLoop

/// HTTP by libcurl's multi interface, on an event loop: a request from a task of that loop takes no hop to another
/// thread.
///
/// Connections, addresses and TLS sessions are kept and used again. TLS is 1.2 at least, certificates and names are always
/// verified. A request to an `https` URL goes through the proxy that `HTTPS_PROXY` and `NO_PROXY` name, as with the AWS
/// SDKs; one to an `http` URL, such as the Runtime API on this machine, never does.
public final class CurlTransport: HTTPTransport {
  fileprivate let loop: EventLoop
  fileprivate let pool: Pool

  /// Makes a transport.
  ///
  /// - Parameters:
  ///   - connectTimeout: the longest that finding the address, connecting and the TLS handshake may take together.
  ///   - certificateAuthorities: the path of a PEM file of the authorities to trust, `nil` for the system's.
  ///   - loop: the loop to run on; its own tasks are served fastest.
  public init(
    connectTimeout: Duration = .seconds(2), certificateAuthorities: String? = nil,
    loop: EventLoop = .current ?? .background
  ) {
    self.loop = loop
    pool = Pool(connectTimeout: connectTimeout, certificateAuthorities: certificateAuthorities)
  }

  deinit { loop.perform { [pool] in pool.empty() } }

  /// Sends a request and returns the whole response, whatever its status.
  ///
  /// Where a kept connection turns out to be dead before any of the answer has come, libcurl sends the request once more
  /// on a new one.
  public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    try request.validate()
    let exchange = Exchange(request, self)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        loop.perform { exchange.start(continuation) }
      }
    } onCancel: {
      loop.perform { exchange.cancel() }
    }
  }
}

/// The handles that wait for their next request. On the loop's thread alone, but for its making.
private final class Pool: @unchecked Sendable {
  private let connectTimeout: Duration
  private let certificateAuthorities: String?
  private let sessions = TLSSessions()
  private var idle: [CurlHandle] = []

  init(connectTimeout: Duration, certificateAuthorities: String?) {
    self.connectTimeout = connectTimeout
    self.certificateAuthorities = certificateAuthorities
  }

  func take() -> CurlHandle? {
    idle.popLast()
      ?? CurlHandle(sessions, connectTimeout: connectTimeout, certificateAuthorities: certificateAuthorities)
  }

  func give(_ handle: CurlHandle) { idle.append(handle) }

  func empty() { idle = [] }
}

/// One request on its way, on the loop's thread alone.
private final class Exchange: @unchecked Sendable {
  private let request: HTTPRequest
  private let transport: CurlTransport
  private var continuation: CheckedContinuation<HTTPResponse, any Error>?
  private var handle: CurlHandle?
  private var timer: Sleeper?
  private var isCancelled = false

  init(_ request: HTTPRequest, _ transport: CurlTransport) {
    self.request = request
    self.transport = transport
  }

  func start(_ continuation: CheckedContinuation<HTTPResponse, any Error>) {
    // The cancellation of a task that runs elsewhere may be here first.
    guard !isCancelled else { return continuation.resume(throwing: CancellationError()) }
    guard let handle = transport.pool.take() else {
      return continuation.resume(throwing: HTTPError(.other, request, detail: "libcurl has no memory for a request"))
    }
    self.continuation = continuation
    self.handle = handle
    handle.prepare(request)
    // libcurl's own timeout does not reach a request that waits for one of the connections to become free (7.88).
    timer = request.timeout.map { transport.loop.perform(after: $0, expire) }
    transport.loop.transfers.start(handle.easy) { code in self.end(handle.result(code, of: self.request)) }
  }

  func cancel() {
    isCancelled = true
    stop(CancellationError())
  }

  private func expire() { if let handle { stop(handle.timeout(of: request)) } }

  private func stop(_ error: any Error) {
    guard let handle else { return }
    transport.loop.transfers.stop(handle.easy)
    end(.failure(error))
  }

  private func end(_ result: Result<HTTPResponse, any Error>) {
    if let handle = exchange(&handle, with: nil) {
      handle.clear()
      transport.pool.give(handle)
    }
    if let timer = exchange(&timer, with: nil) { transport.loop.cancel(timer) }
    exchange(&continuation, with: nil)?.resume(with: result)
  }
}
