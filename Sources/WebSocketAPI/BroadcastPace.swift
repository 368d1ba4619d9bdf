/// The rate limit of a broadcast, set when the responses of an interval show that the account is throttled.
///
/// API Gateway answers 429 both when a client does not read and when the account exceeds its quota. A few connections
/// that answer 429 are slow; when at least half of an interval's connections do, the account is throttled. The rate then
/// follows additive increase and multiplicative decrease. Until then it is unlimited.
struct BroadcastPace {
  typealias Instant = ContinuousClock.Instant

  /// The minimum length of an interval, absolute and in response times. The posts within one response time are a poor
  /// sample, because they go to neighbors in the table.
  private static let interval = Duration.milliseconds(100)
  private static let responseTimes = 5
  /// The minimum number of responses for a decision.
  private static let minimumSample = 20
  private static let recentMask: UInt32 = (1 << 20) - 1
  /// The minimum rate in posts a second, which probes whether the throttle has ended.
  private static let minimumRate = 100.0
  /// The maximum time to schedule a post ahead, so that a change of the rate applies soon.
  static let horizon = Duration.milliseconds(10)

  /// The limit in posts a second; `nil` if there is none.
  private(set) var rate: Double?
  /// The rate at which the throttle began; the limit ends when it has risen to this rate.
  private var unlimitedRate = 0.0
  private var cuts = 0
  private var lastCut: Instant?
  private var nextSlot: Instant

  /// The smoothed time from a post to its response.
  private var responseTime = Duration.zero
  private var intervalStart: Instant
  private var posts = 0
  private var throttled = 0
  private var retries = 0
  private var recovered = 0
  private var recoveries = 0
  /// The last 20 responses, one bit each, set for 429.
  private var recent: UInt32 = 0

  init(now: Instant) {
    nextSlot = now
    intervalStart = now
  }

  var isLimited: Bool { rate != nil }
  /// Whether enough connections that answered 429 were reached later: the account was throttled, they were not slow.
  var isConfirmed: Bool { recoveries >= Self.minimumSample }

  // MARK: - Scheduling

  /// Reserves the time of the next post; `nil` if that is beyond the horizon.
  mutating func reserveSlot(now: Instant) -> Instant? {
    guard let rate else { return now }
    let slot = max(nextSlot, now)
    guard slot <= now + Self.horizon else { return nil }
    nextSlot = slot + .seconds(1 / rate)
    return slot
  }

  /// The time of the next post.
  func nextTime(now: Instant) -> Instant { rate == nil ? now : max(now, nextSlot) }

  /// When `reserveSlot` will succeed again.
  func wakeTime(now: Instant) -> Instant { rate == nil ? now : max(now, nextSlot - Self.horizon) }

  // MARK: - Responses

  /// Counts a response.
  ///
  /// - Parameter isRetry: whether this connection answered 429 before. Such connections are not counted as throttled,
  ///   because they may be slow; they count as recovered if they are reached.
  mutating func record(isThrottled: Bool, isRetry: Bool, startedAt: Instant, now: Instant) {
    if isRetry, !isThrottled { recoveries += 1 }
    if let lastCut, startedAt < lastCut { return }
    let time = startedAt.duration(to: now)
    responseTime = responseTime == .zero ? time : responseTime + (time - responseTime) / 8
    if isRetry, rate == nil {
      retries += 1
      if !isThrottled { recovered += 1 }
    } else {
      posts += 1
      if isThrottled { throttled += 1 }
      recent = recent << 1 | (isThrottled ? 1 : 0)
    }
    judge(now: now)
  }

  /// Decides on the current interval if it has ended.
  mutating func judge(now: Instant, isFinal: Bool = false) {
    let isQuiet = rate != nil && posts >= Self.minimumSample && throttled == 0
    let interval = max(Self.interval, responseTime * Self.responseTimes)
    guard isFinal || isQuiet || intervalStart.duration(to: now) >= interval else { return }
    if let rate {
      if throttled > 0, throttled * 4 >= posts { cut(from: rate, now: now) } else if posts > 0 { raise(from: rate) }
    } else if isThrottledByPosts || isThrottledByRetries {
      unlimitedRate = Double(posts + retries) / seconds(until: now)
      cut(from: .infinity, now: now)
    }
    intervalStart = now
    (posts, throttled, retries, recovered) = (0, 0, 0, 0)
  }

  /// Whether at least half of the interval's responses, and of its last 20, were 429. The last 20 exclude a cluster of
  /// slow connections that has passed.
  private var isThrottledByPosts: Bool {
    posts >= Self.minimumSample && throttled * 2 >= posts
      && (recent & Self.recentMask).nonzeroBitCount * 2 >= Self.minimumSample
  }

  /// Whether most retries succeeded: a throttled account accepts most retries, a slow connection none for a while.
  private var isThrottledByRetries: Bool {
    retries >= Self.minimumSample && recovered * 2 >= retries && recovered < retries
  }

  private mutating func cut(from rate: Double, now: Instant) {
    let accepted = Double(posts - throttled + recovered) / seconds(until: now)
    self.rate = max(Self.minimumRate, 0.9 * min(accepted, rate))
    cuts += 1
    lastCut = now
    nextSlot = now
  }

  private mutating func raise(from rate: Double) {
    // Raise the rate faster after the first cut, because a cluster of slow connections may have looked like a throttle.
    let raised = rate + (cuts == 1 ? unlimitedRate / 2 : min(unlimitedRate / 20, rate / 2))
    self.rate = raised < unlimitedRate ? raised : isConfirmed ? unlimitedRate : nil
  }

  /// Removes the limit, because the connections that answer 429 are slow.
  mutating func lift() { rate = nil }

  private func seconds(until now: Instant) -> Double {
    max(intervalStart.duration(to: now), .milliseconds(1)) / .seconds(1)
  }
}
