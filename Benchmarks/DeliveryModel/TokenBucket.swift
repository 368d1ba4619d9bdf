/// API Gateway's throttle: tokens that arrive at a rate, up to a number that is kept for a burst.
struct TokenBucket {
  /// In tokens a second. Call `refill` before a change.
  var rate: Double
  private let burst: Double
  private var tokens: Double
  private var last: Microseconds

  /// Creates a full bucket.
  init(rate: Double, burst: Double, now: Microseconds) {
    self.rate = rate
    self.burst = burst
    tokens = burst
    last = now
  }

  mutating func refill(now: Microseconds) {
    guard now > last else { return }
    tokens = min(burst, tokens + Double(now - last) * rate / 1_000_000)
    last = now
  }

  /// Takes one token, if there is one.
  mutating func take(now: Microseconds) -> Bool {
    refill(now: now)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}
