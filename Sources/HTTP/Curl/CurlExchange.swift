import CCurl
import EventLoop

/// One request in flight. Created anywhere, used on the loop's thread only.
final class CurlExchange: @unchecked Sendable {
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
