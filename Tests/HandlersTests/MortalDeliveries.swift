import Handlers

/// The deliveries as one invocation uses them: before and after each operation others run, and the invocation may die.
struct MortalDeliveries: DeliveryStore {
  let store: MemoryDeliveries
  /// Lets others run; throws if the invocation dies here.
  let step: @Sendable () async throws -> Void

  private func with<Value: Sendable>(_ operation: () async throws -> Value) async throws -> Value {
    try await step()
    let value = try await operation()
    try await step()
    return value
  }

  func enqueue(_ message: WaitingMessage, room: String) async throws {
    try await with { try await store.enqueue(message, room: room) }
  }

  func waiting(room: String) async throws -> [WaitingMessage] { try await with { try await store.waiting(room: room) } }

  func dequeue(_ ids: [MessageID], room: String) async throws {
    for id in ids { try await with { try await store.dequeue([id], room: room) } }
  }

  func delivery(room: String) async throws -> Delivery? { try await with { try await store.delivery(room: room) } }

  func deliveries() async throws -> [Delivery] { try await with { try await store.deliveries() } }

  func take(_ delivery: Delivery, now: Int) async throws -> Bool {
    try await with { try await store.take(delivery, now: now) }
  }

  func replace(_ round: MessageID, with delivery: Delivery) async throws -> Bool {
    try await with { try await store.replace(round, with: delivery) }
  }

  func adopt(_ delivery: Delivery, now: Int) async throws -> Delivery? {
    try await with { try await store.adopt(delivery, now: now) }
  }

  func started(_ round: MessageID, room: String, until: Int) async throws {
    try await with { try await store.started(round, room: room, until: until) }
  }

  func renew(_ round: MessageID, room: String, until: Int, isFull: Bool?) async throws -> Delivery? {
    try await with { try await store.renew(round, room: room, until: until, isFull: isFull) }
  }

  func finish(_ range: String, of round: MessageID, room: String) async throws -> Delivery? {
    try await with { try await store.finish(range, of: round, room: room) }
  }

  func release(_ round: MessageID, room: String) async throws {
    try await with { try await store.release(round, room: room) }
  }

  func add(_ round: DeliveryRound) async throws { try await with { try await store.add(round) } }

  func round(_ id: MessageID) async throws -> DeliveryRound? { try await with { try await store.round(id) } }

  func save(_ checkpoint: RangeCheckpoint, range: String, of round: MessageID) async throws {
    try await with { try await store.save(checkpoint, range: range, of: round) }
  }

  func checkpoint(range: String, of round: MessageID) async throws -> RangeCheckpoint? {
    try await with { try await store.checkpoint(range: range, of: round) }
  }

  func remove(round: MessageID) async throws -> [RangeCheckpoint] {
    try await with { try await store.remove(round: round) }
  }
}
