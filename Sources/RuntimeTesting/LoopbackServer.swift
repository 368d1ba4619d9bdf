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
  private let answer: Answer

  /// Starts a server on a free port of 127.0.0.1, or of ::1.
  public init(isIPv6: Bool = false, answer: @escaping Answer) throws {
    self.isIPv6 = isIPv6
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
    var reader = RequestReader(descriptor: descriptor, connection: number)
    while let request = reader.next() {
      state.withLock { $0.requests.append(request) }
      guard answer(request).send(to: descriptor, isStopped: { self.state.withLock { $0.isStopped } }) else { break }
      if request.headers["Connection"]?.lowercased() == "close" { break }
    }
    state.withLock { state in
      state.connections[number] = nil
      Socket.close(descriptor)
    }
  }
}

/// A request as it was received.
public struct RecordedRequest: Sendable {
  /// The number of its connection, counted from 1.
  public let connection: Int
  /// The method.
  public let method: String
  /// The request target, exactly as it was sent: path and query.
  public let target: String
  /// The header fields.
  public let headers: HTTPHeaders
  /// The body, without its framing.
  public let body: [UInt8]
}
