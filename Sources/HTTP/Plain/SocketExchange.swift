import EventLoop

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One request in flight. Created anywhere, used on the loop's thread only.
final class SocketExchange: @unchecked Sendable {
  private let request: HTTPRequest
  private let transport: SocketTransport
  private let head: [UInt8]
  private var continuation: CheckedContinuation<HTTPResponse, any Error>?
  private var timer: RequestTimer?
  private var sleeper: Sleeper?
  private var isCancelled = false
  /// Whether the pool counts the request.
  private var isAdmitted = false

  private var connection: SocketConnection?
  /// Whether the connection has served a request before.
  private var isKept = false
  /// Whether the request was sent before, on a kept connection that turned out to be dead.
  private var isRepeated = false
  /// The number of bytes of `head` and the request's body that were sent.
  private var sent = 0
  /// Whether the peer accepts no more bytes. It may still have answered.
  private var isSendingBroken = false
  private var reader: ResponseReader

  init(_ request: HTTPRequest, _ transport: SocketTransport) {
    self.request = request
    self.transport = transport
    head = request.head
    reader = ResponseReader(of: request)
  }

  private var isSent: Bool { sent == head.count + request.body.count }

  // MARK: - Beginning

  func start(_ continuation: CheckedContinuation<HTTPResponse, any Error>) {
    // The cancellation of a task on another thread may arrive first.
    guard !isCancelled else { return continuation.resume(throwing: CancellationError()) }
    let timer = RequestTimer(start: .now, timeout: request.timeout, connectTimeout: transport.connectTimeout)
    guard timer.decision(.waiting, now: timer.start) != .expire else {
      return continuation.resume(throwing: HTTPError(.cannotConnect, request, detail: "no time left to connect"))
    }
    self.timer = timer
    self.continuation = continuation
    connect()
  }

  /// Continues with a connection, or waits until the pool calls again.
  func connect() {
    switch transport.pool.enter(self, authority: request.authority) {
    case .kept(let connection):
      (isAdmitted, isKept) = (true, true)
      use(connection)
    case .new:
      isAdmitted = true
      open()
    case .wait: schedule()
    }
  }

  private func open() {
    guard let port = request.target.connectionPort else {
      return fail(.invalidRequest, "the authority is not a host and a port")
    }
    guard let address = SocketAddress(host: String(request.target.host), port: port) else {
      return fail(.nameNotResolved, "the host is not an IP address")
    }
    guard request.authority.hasPrefix("[") == (address.family == AF_INET6) else {
      return fail(.invalidRequest, "an IPv6 address, and no other, is in brackets")
    }
    do throws(SocketConnection.SystemError) {
      use(try SocketConnection(to: address, authority: request.authority))
    } catch {
      fail(.cannotConnect, "\(error)")
    }
  }

  private func use(_ connection: SocketConnection) {
    self.connection = connection
    // A connection on this machine is often established already.
    send()
    if self.connection != nil { schedule() }
  }

  // MARK: - Transfer

  /// Sends what the socket accepts.
  private func send() {
    guard let connection else { return }
    while !isSent, !isSendingBroken {
      switch connection.send(head, request.body, from: sent) {
      case .bytes(let count): sent += count
      case .pending: return poll(for: POLLOUT)
      case .failed(let error):
        guard connection.isConnected else { return fail(.cannotConnect, "\(error)") }
        isSendingBroken = true
      }
    }
    poll(for: 0)
  }

  /// Polls for the response and for these events.
  private func poll(for events: Int32) {
    guard let connection else { return }
    transport.loop.watch(connection.descriptor, for: events | POLLIN) { [self] _, events in
      process(events)
    }
  }

  private func process(_ events: Int32) {
    if !isSent, !isSendingBroken { send() }
    if events & ~POLLOUT != 0 { receive() }
  }

  /// Receives once, so that a peer that sends without end cannot hold the loop.
  private func receive() {
    guard let connection, connection.isConnected else { return }
    withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { buffer in
      switch connection.receive(into: buffer) {
      case .pending: break
      case .bytes(0): connectionEnded()
      case .bytes(let count): read(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      case .failed(let error): connectionLost("\(error)")
      }
    }
  }

  private func read(_ bytes: UnsafeRawBufferPointer) {
    do throws(ResponseReader.Failure) {
      let count = try reader.read(bytes)
      guard let response = reader.response else { return }
      // Further bytes belong to no request.
      let keepsConnection = reader.keepsConnection && isSent && count == bytes.count
      end(.success(response), keepsConnection: keepsConnection)
    } catch {
      fail(error.reason, error.detail)
    }
  }

  /// The peer has closed its side.
  private func connectionEnded() {
    guard reader.hasStarted else { return connectionLost("the connection ended before the response began") }
    do throws(ResponseReader.Failure) {
      try reader.end()
      if let response = reader.response { end(.success(response)) }
    } catch {
      fail(error.reason, error.detail)
    }
  }

  /// Repeats the request on a new connection if a kept one ended without a byte of the response.
  private func connectionLost(_ detail: String) {
    guard isKept, !reader.hasStarted else { return fail(.connectionLost, detail) }
    _ = removeConnection()
    (isKept, isRepeated, sent, isSendingBroken) = (false, true, 0, false)
    open()
  }

  // MARK: - Time

  /// Sets the time of the next check.
  private func schedule() {
    guard let timer else { return }
    stopSleeper()
    let now = ContinuousClock.now
    switch timer.decision(phase, now: now) {
    case .rest: break
    case .check(let time):
      sleeper = transport.loop.perform(after: now.duration(to: time)) { [self] in
        sleeper = nil
        schedule()
      }
    case .expire: expire()
    }
  }

  private var phase: RequestTimer.Phase {
    guard let connection else { return .waiting }
    return connection.isConnected ? .connected : .connecting(since: connection.lastUse)
  }

  private func expire() {
    switch phase {
    case .waiting: fail(.cannotConnect, "no connection became free in time")
    case .connecting: fail(.cannotConnect, "no connection in time")
    case .connected:
      if isKept, let timer { transport.pool.dropIdle(keptBefore: timer.start) }
      fail(.timedOut, "no complete response in time")
    }
  }

  // MARK: - End

  func cancel() {
    isCancelled = true
    if continuation != nil { end(.failure(CancellationError())) }
  }

  private func fail(_ reason: HTTPError.Reason, _ detail: String) {
    // `cannotConnect` would say that nothing was sent.
    let reason = isRepeated && reason == .cannotConnect ? .connectionLost : reason
    end(.failure(HTTPError(reason, request, detail: detail, isOnKeptConnection: isKept)))
  }

  private func end(_ result: Result<HTTPResponse, any Error>, keepsConnection: Bool = false) {
    stopSleeper()
    let connection = removeConnection()
    if isAdmitted {
      isAdmitted = false
      transport.pool.leave(keepsConnection ? connection : nil)
    } else {
      transport.pool.stopWaiting(self)
    }
    exchange(&continuation, with: nil)?.resume(with: result)
  }

  private func stopSleeper() {
    if let sleeper = exchange(&sleeper, with: nil) { transport.loop.cancel(sleeper) }
  }

  /// Stops to poll the connection, which is closed unless the caller keeps it.
  private func removeConnection() -> SocketConnection? {
    if let connection { transport.loop.watch(connection.descriptor, for: 0) }
    return exchange(&connection, with: nil)
  }
}
