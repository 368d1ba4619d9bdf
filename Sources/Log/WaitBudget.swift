/// The time that log lines may still wait for a slow reader; performs no I/O.
///
/// The budget limits one stall to `maximum`, and the waits for a reader that stays slow to a tenth of the elapsed time.
struct WaitBudget: Sendable {
  /// The longest wait, for a full budget.
  static let maximum = Duration.seconds(5)
  /// The part of the elapsed time that is added to the budget.
  private static let refill = 10

  private var remaining = Self.maximum
  private var updated: ContinuousClock.Instant?

  /// The time that a line may wait now.
  mutating func available(at now: ContinuousClock.Instant) -> Duration {
    if let updated, updated < now {
      remaining = min(remaining + updated.duration(to: now) / Self.refill, Self.maximum)
    }
    updated = now
    return remaining
  }

  /// Records a wait.
  mutating func spend(_ time: Duration) {
    remaining = max(remaining - time, .zero)
  }
}
