/// The schedule of a broadcast after the first pass: second chances, and up to three later rounds for connections that
/// answered 429.
struct BroadcastTail {
  typealias Instant = ContinuousClock.Instant

  static let maximumRounds = 3
  /// The wait before second chances: the longest measured time from the write of a row to the end of its handshake.
  private static let secondChancePause = Duration.seconds(1)

  private let start: Instant
  /// The time at which the remaining connections that answered 429 count as slow.
  let slowDeadline: Instant
  /// The time of second chances.
  let secondChance: Instant
  /// The number of later rounds that have started.
  var rounds = 0

  /// - Parameters:
  ///   - started: the start of the broadcast.
  ///   - now: the end of the first pass.
  init(started: Instant, now: Instant, deadline: Instant, isAnyReached: Bool) {
    start = now
    // A fifth of the time so far, because slow connections must not prolong a broadcast by half. If no connection was
    // reached, the wait delays no delivery.
    slowDeadline = now + (isAnyReached ? max(started.duration(to: now) / 5, .milliseconds(8)) : .seconds(1))
    secondChance = now + min(Self.secondChancePause, now.duration(to: deadline) / 2)
  }

  /// The start of the next later round.
  var nextRound: Instant { start + start.duration(to: slowDeadline) * [1, 3, 6][min(rounds, 2)] / 8 }

  /// Whether slow connections get no further post: the first later round is always completed, further rounds must fit
  /// into the time for slow connections.
  func isLastRoundOver(now: Instant, isRoundPending: Bool) -> Bool {
    if rounds == 0 || (rounds == 1 && isRoundPending) { return false }
    return now >= slowDeadline || (rounds >= Self.maximumRounds && !isRoundPending)
  }
}
