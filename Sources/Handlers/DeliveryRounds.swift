import EventLoop
import WebSocketAPI

/// Starts and ends the rounds of deliveries to large rooms.
///
/// Every step is the work of an event that Lambda repeats until it succeeds, and every step can be repeated: a message
/// that is in a queue or in a round's frame is delivered, whichever invocation dies.
struct DeliveryRounds: Sendable {
  enum Start {
    case started
    case nothingWaits
    /// The room has another lease than expected.
    case lost
  }

  /// The time between two looks at a round that another invocation starts.
  private static let pollInterval = Duration.milliseconds(250)

  let deliveries: Deliveries
  let connections: any ConnectionStore
  /// Milliseconds since 1970.
  let now: @Sendable () -> Int
  let newID: @Sendable () -> MessageID
  var pause: @Sendable (Duration) async throws -> Void = { try await EventLoop.sleep(for: $0) }

  private var store: any DeliveryStore { deliveries.store }

  /// Starts a round if messages wait and no delivery is active in the room.
  ///
  /// If another invocation has begun a start, this one waits for it and completes it if that invocation died: this event
  /// may be the repetition of its event, and then no other one would.
  func start(_ room: String) async throws {
    while true {
      let delivery = try await store.delivery(room: room)
      if let delivery, let startBy = delivery.startBy {
        if startBy > now() { try await pause(Self.pollInterval) } else if try await complete(delivery) { return }
      } else if let delivery, delivery.isActive(at: now()) {
        // It looks at the queue before it ends.
        return
      } else if try await begin(room, after: nil) != .lost {
        return
      }
    }
  }

  /// Completes the start of a round whose invocation died.
  ///
  /// - Returns: whether this invocation did.
  private func complete(_ delivery: Delivery) async throws -> Bool {
    var extended = delivery
    extended.until = now() + Delivery.lifetime
    extended.startBy = now() + Delivery.startTime
    guard let adopted = try await store.adopt(extended, now: now()) else { return false }
    guard let round = try await store.round(adopted.round) else {
      // Its rows have expired.
      try await store.release(adopted.round, room: adopted.room)
      return false
    }
    try await launch(round, adopted)
    return true
  }

  /// Starts a round of the messages that wait.
  ///
  /// - Parameter previous: the round that ends, under whose lease the next one starts; `nil` to take a lease.
  private func begin(_ room: String, after previous: MessageID?) async throws -> Start {
    let waiting = try await store.waiting(room: room)
    guard let frame = GatheredFrame(waiting) else { return .nothingWaits }
    let people = DeliveryPlan.people(try await connections.page(room: room, after: nil))
    let count = DeliveryPlan.rangeCount(people: people, postsPerSecond: deliveries.postsPerSecond)
    let round = DeliveryRound(id: newID(), frame: frame.bytes, messages: frame.ids, rangeCount: count)
    // Before the lease: whoever completes this start finds it.
    try await store.add(round)
    let time = now()
    let delivery = Delivery(
      room: room, round: round.id, ranges: Set(round.ranges.map(\.lowerText)), until: time + Delivery.lifetime,
      isFull: GatheredFrame.isExceeded(by: frame.left), startBy: time + Delivery.startTime)
    let isOwn =
      if let previous { try await store.replace(previous, with: delivery) } else {
        try await store.take(delivery, now: time)
      }
    guard isOwn else {
      try await store.remove(round: round.id)
      return .lost
    }
    try await launch(round, delivery)
    return .started
  }

  /// Empties the queue of the round's messages, and invokes a worker for each range that is not finished.
  private func launch(_ round: DeliveryRound, _ delivery: Delivery) async throws {
    // Before the workers: they may end the round, and then the next one must not send these messages again.
    try await store.dequeue(round.messages, room: delivery.room)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for range in round.ranges where delivery.ranges.contains(range.lowerText) {
        let event = DeliverEvent(room: delivery.room, work: .range(round.id, range)).json
        group.addTask { try await deliveries.invoke(event) }
      }
      try await group.waitForAll()
    }
    try await store.started(round.id, room: delivery.room, until: now() + Delivery.lifetime)
  }

  /// Records that a range is finished. The last one of a round starts the next round, or ends the delivery.
  ///
  /// - Returns: the checkpoints of the round if this invocation has ended it.
  func finish(_ range: RoomRange, of round: MessageID, room: String) async throws -> [RangeCheckpoint]? {
    guard let delivery = try await store.finish(range.lowerText, of: round, room: room) else {
      // The lease is that of a later round, and may be one that this event's first run began to start.
      try await start(room)
      return nil
    }
    guard delivery.ranges.isEmpty else { return nil }
    switch try await begin(room, after: round) {
    case .started: break
    case .nothingWaits:
      try await store.release(round, room: room)
      // A message may have come since the look at the queue, and its sender saw the lease.
      try await start(room)
    case .lost: return nil
    }
    // At the end: without the frame, a repetition of this event does nothing.
    return try await store.remove(round: round)
  }
}
