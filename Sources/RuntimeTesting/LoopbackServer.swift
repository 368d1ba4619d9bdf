import Foundation
import HTTP
import Synchronization

/// An HTTP/1.1 server on a loopback port, for tests: records each request whole, and answers as the test decides, faults
/// included.
///
/// Each connection has a thread of its own.
public final class LoopbackServer: Sendable {
  /// Returns the answer to a request. It runs on the connection's own thread and may block.
  public typealias Answer = @Sendable (RecordedRequest) -> Reply

  /// Observes a chunked body as it arrives, on the connection's own thread. While it blocks, the server reads no further.
  ///
  /// A reply that it returns for a chunk is sent at once, and the connection closed, although the request is not whole.
  public typealias Observation = @Sendable (_ request: RecordedRequest, _ progress: BodyProgress) -> Reply?

  /// The port.
  public let port: UInt16
  /// The host and port, as in a URL or `AWS_LAMBDA_RUNTIME_API`.
  public var address: String { "\(isIPv6 ? "[::1]" : "127.0.0.1"):\(port)" }

  private struct State {
    var requests: [RecordedRequest] = []
    var connections: [Int: Int32] = [:]
    var accepted = 0
    var isStopped = false
  }

  private let isIPv6: Bool
  private let listener: Int32
  private let state = Mutex(State())
  private let maximumBodyBytes: Int
  private let observe: Observation
  private let answer: Answer

  /// Starts a server on a free port of 127.0.0.1, or of ::1.
  ///
  /// - Parameters:
  ///   - isIPv6: Whether the address is ::1.
  ///   - maximumBodyBytes: The maximum number of bytes to record of each body; the rest is read and counted.
  ///   - observe: Observes chunked bodies as they arrive.
  ///   - answer: Returns the answer to each whole request.
  public init(
    isIPv6: Bool = false, maximumBodyBytes: Int = .max, observe: @escaping Observation = { _, _ in nil },
    answer: @escaping Answer
  ) throws {
    self.isIPv6 = isIPv6
    self.maximumBodyBytes = maximumBodyBytes
    self.observe = observe
    // Holds a burst of connections: a dropped connection request is repeated after a second.
    (listener, port) = try Socket.listen(backlog: 1024, isIPv6: isIPv6)
    self.answer = answer
    Thread.detachNewThread { [weak self, listener] in
      while let descriptor = Socket.accept(listener) {
        guard let self, let number = self.register(descriptor) else {
          Socket.close(descriptor)
          return
        }
        Thread.detachNewThread { self.serve(descriptor, number) }
      }
    }
  }

  /// Every request so far, in the order in which they were complete.
  public var requests: [RecordedRequest] { state.withLock { $0.requests } }

  /// The number of connections so far.
  public var connectionCount: Int { state.withLock { $0.accepted } }

  /// Closes every connection and takes no more.
  public func stop() {
    state.withLock { state in
      // Descriptors are reused, so a second call could reach one of another server.
      guard !state.isStopped else { return }
      state.isStopped = true
      Socket.wake(listener)
      state.connections.values.forEach(Socket.wake)
    }
  }

  private func register(_ descriptor: Int32) -> Int? {
    state.withLock { state in
      guard !state.isStopped else { return nil }
      state.accepted += 1
      state.connections[state.accepted] = descriptor
      return state.accepted
    }
  }

  private func serve(_ descriptor: Int32, _ number: Int) {
    var reader = RequestReader(
      descriptor: descriptor, connection: number, maximumBodyBytes: maximumBodyBytes, observe: observe)
    func send(_ reply: Reply) -> Bool {
      reply.send(to: descriptor, isStopped: { self.state.withLock { $0.isStopped } })
    }
    reading: while true {
      switch reader.next() {
      case .request(let request):
        state.withLock { $0.requests.append(request) }
        guard send(answer(request)) else { break reading }
        if request.headers["Connection"]?.lowercased() == "close" { break reading }
      case .early(let reply):
        // A close with unread bytes would reset the connection, and the client might not get the reply.
        if send(reply) { Socket.drain(descriptor) }
        break reading
      case .end: break reading
      }
    }
    state.withLock { state in
      state.connections[number] = nil
      Socket.close(descriptor)
    }
  }
}
