import Synchronization

/// The share of one worker in the deliveries, renewed each second together with the room's lease.
final class DeliveryPulse: Sendable {
  private struct State {
    var rate: Double
    /// The lower bounds of the ranges that are not finished, in order.
    var ranges: [String] = []
  }

  private let deliveries: Deliveries
  private let room: String
  private let round: MessageID
  private let range: String
  private let state: Mutex<State>

  /// - Parameters:
  ///   - room: the room.
  ///   - round: the round.
  ///   - range: the lower bound of the worker's range.
  init(deliveries: Deliveries, room: String, round: DeliveryRound, range: String) {
    self.deliveries = deliveries
    self.room = room
    self.round = round.id
    self.range = range
    state = Mutex(State(rate: Double(deliveries.postsPerSecond) / Double(max(1, round.rangeCount))))
  }

  /// The posts a second that the last beat returned; before the first one an equal share of one delivery.
  var rate: Double { state.withLock { $0.rate } }

  /// Renews the lease, records whether too many messages wait, and sets the rate by the other deliveries.
  ///
  /// - Parameter now: milliseconds since 1970.
  func beat(now: Int) async throws {
    var isFull: Bool?
    if isWatching(now: now) {
      isFull = GatheredFrame.isExceeded(by: try await deliveries.store.waiting(room: room))
    }
    let own = try await deliveries.store.renew(
      round, room: room, until: now + Delivery.lifetime, isFull: isFull)
    var others = try await deliveries.store.deliveries().filter { $0.round != round }
    if let own { others.append(own) }
    let rate = DeliveryPlan.rate(of: round, among: others, postsPerSecond: deliveries.postsPerSecond, now: now)
    state.withLock { state in
      state.rate = rate
      state.ranges = own?.ranges.sorted() ?? []
    }
  }

  /// Whether it is this worker's turn to watch the queue. The workers take turns by the second, because one of them may
  /// have died.
  private func isWatching(now: Int) -> Bool {
    let ranges = state.withLock { $0.ranges }
    return !ranges.isEmpty && ranges[now / 1000 % ranges.count] == range
  }
}
