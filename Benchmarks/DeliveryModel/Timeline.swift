/// Cumulative counts at equal steps of the scenario's time.
struct Timeline: Encodable {
  /// In microseconds of the scenario's time.
  static let step: Microseconds = 100_000

  private(set) var accepted: [Int] = []
  private(set) var throttled: [Int] = []
  private(set) var delivered: [Int] = []
  private(set) var busy: [Int] = []
  /// The quota in requests a second.
  private(set) var quota: [Double] = []

  mutating func add(_ counters: Posts.Counters, busy: Int, quota: Double) {
    accepted.append(counters.accepted)
    throttled.append(counters.throttled)
    delivered.append(counters.delivered)
    self.busy.append(busy)
    self.quota.append(quota)
  }
}
