import CCurl
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

/// One request in flight. Created anywhere, used on the loop's thread only.
private final class CurlExchange: @unchecked Sendable {
  private let request: HTTPRequest
  /// The request's body, if it is written while it is sent.
  private let body: BodyStream?
  private let transport: CurlTransport
  private var continuation: CheckedContinuation<HTTPResponse, any Error>?
  private var handle: CurlHandle?
  private var timer: RequestTimer?
  private var sleeper: Sleeper?
  private var isCancelled = false

  init(_ request: HTTPRequest, body: BodyStream? = nil, _ transport: CurlTransport) {
    self.request = request
    self.body = body
    self.transport = transport
  }

  func start(_ continuation: CheckedContinuation<HTTPResponse, any Error>) {
    // The cancellation of a task on another thread may arrive first.
    guard !isCancelled else { return continuation.resume(throwing: CancellationError()) }
    let multi = transport.pool.multi(transport.loop)
    guard let handle = body == nil ? transport.pool.checkOut(multi) : transport.pool.makeHandle(multi) else {
      return continuation.resume(throwing: HTTPError(.other, request, detail: "no memory for a libcurl handle"))
    }
    self.continuation = continuation
    self.handle = handle
    let now = ContinuousClock.now
    let timer = RequestTimer(
      start: now, timeout: request.timeout, connectTimeout: transport.pool.settings.connectTimeout)
    self.timer = timer
    let decision = timer.decision(.waiting, now: now)
    guard decision != .expire else {
      return end(.failure(HTTPError(.cannotConnect, request, detail: "no time left to connect")))
    }
    guard handle.prepare(request, connectTimeout: timer.allowance(now: now)) else {
      return end(.failure(HTTPError(.other, request, detail: "no memory for the header fields")))
    }
    if let body { upload(body, with: handle) }
    proceed(decision, now: now)
    multi.start(handle.easy) { code in self.end(handle.result(code, of: self.request)) }
  }

  private func upload(_ body: BodyStream, with handle: CurlHandle) {
    let upload = CurlUpload(body)
    handle.setUpload(upload)
    body.onReadable { [transport] in transport.loop.perform { self.resumeUpload() } }
    // libcurl (7.88) does not complete a transfer that is paused, although its response is complete.
    upload.onResponse = { [weak self, transport] in
      _ = transport.loop.perform(after: .zero) { [weak self] in self?.resumeUpload() }
    }
  }

  private func resumeUpload() {
    guard let handle else { return }
    handle.upload?.resume(handle.easy)
  }

  func cancel() {
    isCancelled = true
    stop(CancellationError())
  }

  /// Checks the request's time when its sleeper wakes.
  ///
  /// libcurl's own timeout does not reach a request that waits for a free connection (7.88).
  private func check() {
    guard let handle, let timer else { return }
    let now = ContinuousClock.now
    let phase = handle.phase
    if phase == .waiting { handle.setConnectTimeout(timer.allowance(now: now)) }
    proceed(timer.decision(phase, now: now), now: now)
  }

  private func proceed(_ decision: RequestTimer.Decision, now: ContinuousClock.Instant) {
    switch decision {
    case .rest: sleeper = nil
    case .check(let time): sleeper = transport.loop.perform(after: now.duration(to: time), check)
    case .expire: expire()
    }
  }

  private func expire() {
    guard let handle, let timer else { return }
    let error = handle.timeout(of: request)
    if error.reason == .timedOut, error.isOnKeptConnection {
      transport.pool.multi(transport.loop).dropIdleConnections(keptBefore: timer.start)
    }
    stop(error)
  }

  private func stop(_ error: any Error) {
    guard let handle else { return }
    transport.pool.multi(transport.loop).stop(handle.easy)
    end(.failure(error))
  }

  private func end(_ result: Result<HTTPResponse, any Error>) {
    if let handle = exchange(&handle, with: nil) {
      body?.onReadable {}
      handle.clear()
      if body == nil { transport.pool.checkIn(handle) }
    }
    if let sleeper = exchange(&sleeper, with: nil) { transport.loop.cancel(sleeper) }
    exchange(&continuation, with: nil)?.resume(with: result)
  }
}
