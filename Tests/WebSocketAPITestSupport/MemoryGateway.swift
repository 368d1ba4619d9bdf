import Synchronization
import WebSocketAPI

/// Connections in memory.
package final class MemoryGateway: ConnectionGateway {
  package struct State {
    package var delivered: [String: Int] = [:]
    package var messages: Set<[UInt8]> = []
    /// The messages of each connection, in order.
    package var received: [String: [String]] = [:]
    package var attempts: [String: Int] = [:]
    package var disconnected: [String] = []
    package var inFlight = 0
    package var mostInFlight = 0
  }

  package typealias Response = @Sendable (_ connectionID: String, _ attempt: Int) async throws -> Void

  package let state = Mutex(State())
  private let response: Response

  /// - Parameter response: throws the error of a post to that connection; attempts are counted from 1.
  package init(_ response: @escaping Response = { _, _ in }) { self.response = response }

  package var delivered: [String: Int] { state.withLock { $0.delivered } }
  package var attempts: [String: Int] { state.withLock { $0.attempts } }

  package func post(_ message: [UInt8], to connectionID: String) async throws {
    let attempt = state.withLock { state in
      state.attempts[connectionID, default: 0] += 1
      state.inFlight += 1
      state.mostInFlight = max(state.mostInFlight, state.inFlight)
      return state.attempts[connectionID] ?? 0
    }
    defer { state.withLock { $0.inFlight -= 1 } }
    try await response(connectionID, attempt)
    state.withLock { state in
      state.delivered[connectionID, default: 0] += 1
      state.messages.insert(message)
      state.received[connectionID, default: []].append(String(decoding: message, as: UTF8.self))
    }
  }

  package func disconnect(_ connectionID: String) async throws {
    state.withLock { $0.disconnected.append(connectionID) }
  }
}
