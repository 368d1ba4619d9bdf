import EventLoop
import HTTP
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// An HTTP server on a loopback port with the Invoke operation: one invocation after the other, as in one sandbox.
///
/// Used on the event loop's thread only.
final class InvokeServer: @unchecked Sendable {
  private static let maximumConnections = 64
  /// The limit of the events that wait for their turn and have no connection, in bytes.
  private static let maximumWaitingBytes = 64 * 1_048_576

  private struct Job: Sendable {
    let call: InvokeAPI.Call
    let requestID: String
    /// `nil` for an invocation of type Event.
    let connection: InvokeConnection?
  }

  /// The port; chosen by the system if 0 was requested.
  let port: UInt16
  private let listener: Int32
  private let function: LocalFunction
  private let api: InvokeAPI
  private let jobs = AsyncStream<Job>.makeStream()
  private var connections: [ObjectIdentifier: InvokeConnection] = [:]
  private var waitingBytes = 0

  /// Listens on a port of 127.0.0.1; 0 is any free one.
  init(port: UInt16, function: LocalFunction) throws(ExitError) {
    do {
      (listener, self.port) = try listenOnLoopback(port)
    } catch {
      throw ExitError(.failure, "Port \(port) cannot be used: \(error.message). Give another one: --serve PORT")
    }
    self.function = function
    api = InvokeAPI(loopback: LoopbackGuard(port: self.port))
  }

  /// Serves until the task is cancelled.
  func run() async {
    guard let loop = EventLoop.current else { return }
    loop.watch(listener, for: Int32(POLLIN)) { [self] _, _ in accept(on: loop) }
    for await job in jobs.stream {
      let context = function.context(requestID: job.requestID, clientContext: job.call.clientContext)
      let outcome = await function.invoke(job.call.payload, context) { head, body in
        guard let connection = job.connection else { return body.deliver { _ in true } }
        loop.perform { connection.send(InvokeAPI.response(head, requestID: job.requestID), streaming: body) }
      }
      switch outcome {
      case .response(let response): respond(to: job, .success(response))
      case .streamed(let error): if let error { log(error, context.logger) }
      case .failure(let error):
        log(error, context.logger)
        respond(to: job, .failure(error))
      }
      if job.connection == nil { waitingBytes -= job.call.payload.count }
      await function.finish(context)
    }
    for connection in connections.values { connection.close() }
    loop.watch(listener, for: 0)
    close(listener)
  }

  private func respond(to job: Job, _ result: Result<[UInt8], FunctionError>) {
    job.connection?.send(InvokeAPI.response(result, requestID: job.requestID))
  }

  private func log(_ error: FunctionError, _ logger: Logger) {
    logger.error(
      "The invocation failed.", ["errorType": .string(error.type), "errorMessage": .string(error.message)])
  }

  private func accept(on loop: EventLoop) {
    while let descriptor = acceptConnection(listener) {
      guard connections.count < Self.maximumConnections else {
        close(descriptor)
        continue
      }
      let connection = InvokeConnection(descriptor: descriptor, loop: loop) { [unowned self] request, connection in
        handle(request, connection)
      } onClose: { [weak self] connection in
        self?.connections[ObjectIdentifier(connection)] = nil
      }
      connections[ObjectIdentifier(connection)] = connection
      connection.start()
    }
  }

  private func handle(_ request: ServerRequest, _ connection: InvokeConnection) {
    switch api.action(for: request) {
    case .respond(let response): connection.send(response)
    case .invoke(let call):
      let requestID = InvocationContext.randomRequestID()
      guard call.isEvent else {
        jobs.continuation.yield(Job(call: call, requestID: requestID, connection: connection))
        return
      }
      guard waitingBytes + call.payload.count <= Self.maximumWaitingBytes else {
        connection.send(InvokeAPI.error(429, "TooManyRequestsException", "Too many events wait for their turn."))
        return
      }
      waitingBytes += call.payload.count
      jobs.continuation.yield(Job(call: call, requestID: requestID, connection: nil))
      connection.send(InvokeAPI.accepted(requestID: requestID))
    }
  }
}

/// A failed system call.
private struct SystemError: Error {
  let message = String(cString: strerror(errno))
}

/// - Returns: A non-blocking descriptor, and the port.
private func listenOnLoopback(_ port: UInt16) throws(SystemError) -> (descriptor: Int32, port: UInt16) {
  #if canImport(Glibc)
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  #else
    let descriptor = socket(AF_INET, SOCK_STREAM, 0)
  #endif
  guard descriptor >= 0 else { throw SystemError() }
  // A restart must not wait for the connections of the last run.
  var on: Int32 = 1
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
  makeNonBlocking(descriptor)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = inet_addr("127.0.0.1")
  address.sin_port = port.bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isListening = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
      bind(descriptor, address, length) == 0 && listen(descriptor, 64) == 0
        && getsockname(descriptor, address, &length) == 0
    }
  }
  guard isListening else {
    let error = SystemError()
    close(descriptor)
    throw error
  }
  return (descriptor, UInt16(bigEndian: address.sin_port))
}

private func acceptConnection(_ listener: Int32) -> Int32? {
  while true {
    let descriptor = accept(listener, nil, nil)
    if descriptor < 0, errno == EINTR || errno == ECONNABORTED { continue }
    guard descriptor >= 0 else { return nil }
    makeNonBlocking(descriptor)
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }
}

private func makeNonBlocking(_ descriptor: Int32) {
  _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
}
