import WebSocketAPI

/// The shares of a delivery: ranges of the room, and posts a second. Pure arithmetic.
enum DeliveryPlan {
  /// The people that one worker serves, and its posts a second, where the quota allows.
  static let postsPerWorker = 1000.0
  static let maximumWorkers = 64

  /// The number of ranges for a room: one for each 1,000 people, and no more than the quota keeps busy.
  static func rangeCount(people: Double, postsPerSecond: Int) -> Int {
    let workers = (min(people, Double(postsPerSecond)) / postsPerWorker).rounded(.up)
    return Int(min(max(1, workers), Double(maximumWorkers)))
  }

  /// The estimated number of people in a room, from the first page of its rows.
  static func people(_ page: ConnectionPage) -> Double {
    let rows = Double(page.connections.count)
    guard let next = page.next else { return rows }
    return rows / RoomKey.share(upTo: RoomKey.of(next))
  }

  /// The posts a second of one worker: an equal share for each delivery, and in it for each unfinished range.
  ///
  /// - Parameters:
  ///   - round: the worker's round, which counts even if another one has the room's lease.
  ///   - now: milliseconds since 1970.
  static func rate(of round: MessageID, among deliveries: [Delivery], postsPerSecond: Int, now: Int) -> Double {
    let others = deliveries.count { $0.isActive(at: now) && $0.round != round }
    let ranges = deliveries.first { $0.round == round }?.ranges.count ?? 1
    return Double(postsPerSecond) / Double(others + 1) / Double(max(1, ranges))
  }
}
