import Handlers
import Synchronization

/// Deliveries in memory, with the conditions of the table.
final class MemoryDeliveries: DeliveryStore {
  struct State {
    var queues: [String: [MessageID: WaitingMessage]] = [:]
    var leases: [String: Delivery] = [:]
    var rounds: [MessageID: DeliveryRound] = [:]
    var checkpoints: [MessageID: [String: RangeCheckpoint]] = [:]
    /// Rounds whose lease was taken after it had expired, or whose start was completed by another invocation.
    var overtaken: Set<MessageID> = []
    var error: (any Error)?
  }

  let state = Mutex(State())

  private func with<Value>(_ body: (inout State) throws -> Value) throws -> Value {
    try state.withLock { state in
      if let error = state.error { throw error }
      return try body(&state)
    }
  }

  func enqueue(_ message: WaitingMessage, room: String) async throws {
    try with { $0.queues[room, default: [:]][message.id] = message }
  }

  func waiting(room: String) async throws -> [WaitingMessage] {
    try with { ($0.queues[room] ?? [:]).values.sorted { $0.id < $1.id } }
  }

  func dequeue(_ ids: [MessageID], room: String) async throws {
    try with { state in for id in ids { state.queues[room]?[id] = nil } }
  }

  func delivery(room: String) async throws -> Delivery? { try with { $0.leases[room] } }

  func deliveries() async throws -> [Delivery] { try with { Array($0.leases.values) } }

  func take(_ delivery: Delivery, now: Int) async throws -> Bool {
    try with { state in
      if let current = state.leases[delivery.room] {
        guard current.until <= now, current.startBy == nil else { return current.round == delivery.round }
        state.overtaken.insert(current.round)
      }
      state.leases[delivery.room] = delivery
      return true
    }
  }

  func replace(_ round: MessageID, with delivery: Delivery) async throws -> Bool {
    try with { state in
      guard state.leases[delivery.room]?.round == round else { return false }
      state.leases[delivery.room] = delivery
      return true
    }
  }

  func adopt(_ delivery: Delivery, now: Int) async throws -> Delivery? {
    try with { state in
      guard var current = state.leases[delivery.room], current.round == delivery.round,
        let startBy = current.startBy, startBy <= now
      else { return nil }
      current.until = delivery.until
      current.startBy = delivery.startBy
      state.leases[delivery.room] = current
      state.overtaken.insert(current.round)
      return current
    }
  }

  func started(_ round: MessageID, room: String, until: Int) async throws {
    try with { state in
      guard state.leases[room]?.round == round else { return }
      state.leases[room]?.startBy = nil
      state.leases[room]?.until = until
    }
  }

  func renew(_ round: MessageID, room: String, until: Int, isFull: Bool?) async throws -> Delivery? {
    try with { state in
      guard state.leases[room]?.round == round else { return nil }
      state.leases[room]?.until = until
      if let isFull { state.leases[room]?.isFull = isFull }
      return state.leases[room]
    }
  }

  func finish(_ range: String, of round: MessageID, room: String) async throws -> Delivery? {
    try with { state in
      guard state.leases[room]?.round == round else { return nil }
      state.leases[room]?.ranges.remove(range)
      return state.leases[room]
    }
  }

  func release(_ round: MessageID, room: String) async throws {
    try with { state in if state.leases[room]?.round == round { state.leases[room] = nil } }
  }

  func add(_ round: DeliveryRound) async throws { try with { $0.rounds[round.id] = round } }

  func round(_ id: MessageID) async throws -> DeliveryRound? { try with { $0.rounds[id] } }

  func save(_ checkpoint: RangeCheckpoint, range: String, of round: MessageID) async throws {
    try with { $0.checkpoints[round, default: [:]][range] = checkpoint }
  }

  func checkpoint(range: String, of round: MessageID) async throws -> RangeCheckpoint? {
    try with { $0.checkpoints[round]?[range] }
  }

  func remove(round: MessageID) async throws -> [RangeCheckpoint] {
    try with { state in
      state.rounds[round] = nil
      return (state.checkpoints.removeValue(forKey: round) ?? [:]).values.map { $0 }
    }
  }
}
