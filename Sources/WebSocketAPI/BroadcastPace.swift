/// The rate limit of a broadcast, set when the responses of an interval show that the account is throttled.
///
/// API Gateway answers 429 both when a client does not read and when the account exceeds its quota. A few connections
/// that answer 429 are slow; when at least half of an interval's connections do, the account is throttled. The rate then
/// follows additive increase and multiplicative decrease. Until then it is unlimited, or has the ceiling that is set.
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
  /// The lateness that is made up for at the ceiling, so that late timers do not lower the rate.
  private static let maximumLateness = Duration.milliseconds(50)
  /// The rates that a ceiling can have.
  private static let ceilings = 1.0...1e6
  /// The least number of posts in an interval below a ceiling.
  private static let intervalPosts = 40.0

  /// The limit in posts a second; `nil` if there is none.
  private(set) var rate: Double?
  /// The upper limit in posts a second; `nil` if there is none.
  private(set) var ceiling: Double?
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

  /// Whether the account is throttled.
  var isLimited: Bool { rate != nil }
  /// Whether the start of posts is scheduled.
  var isPaced: Bool { scheduledRate != nil }
  private var scheduledRate: Double? { ceiling.map { min($0, rate ?? $0) } ?? rate }
  /// Whether enough connections that answered 429 were reached later: the account was throttled, they were not slow.
  var isConfirmed: Bool { recoveries >= Self.minimumSample }

  // MARK: - Scheduling

  /// Sets the upper limit, which may change at any time.
  ///
  /// - Parameter posts: posts a second, limited to what can be scheduled: from one to a million.
  mutating func setCeiling(_ posts: Double, now: Instant) {
    let ceiling =
      posts.isNaN ? Self.ceilings.lowerBound : min(max(posts, Self.ceilings.lowerBound), Self.ceilings.upperBound)
    self.ceiling = ceiling
    // A throttled rate may rise to the new limit.
    if rate != nil { unlimitedRate = ceiling }
    nextSlot = min(nextSlot, now + .seconds(1 / min(ceiling, rate ?? ceiling)))
  }

  /// Reserves the time of the next post; `nil` if that is beyond the horizon.
  mutating func reserveSlot(now: Instant) -> Instant? {
    guard let rate = scheduledRate else { return now }
    let slot = max(nextSlot, earliestSlot(now: now))
    guard slot <= now + Self.horizon else { return nil }
    nextSlot = slot + .seconds(1 / rate)
    return max(slot, now)
  }

  /// The earliest slot that can be reserved: in the past only at the ceiling.
  private func earliestSlot(now: Instant) -> Instant {
    guard let ceiling, rate.map({ $0 >= ceiling }) ?? true else { return now }
    return now - Self.maximumLateness
  }

  /// The number of slots up to the horizon.
  func slots(now: Instant) -> Int {
    guard let rate = scheduledRate else { return .max }
    let time = max(nextSlot, earliestSlot(now: now)).duration(to: now + Self.horizon)
    return time < .zero ? 0 : 1 + Int(time / .seconds(1) * rate)
  }

  /// The time of the next post.
  func nextTime(now: Instant) -> Instant { isPaced ? max(now, nextSlot) : now }

  /// When `reserveSlot` will succeed again.
  func wakeTime(now: Instant) -> Instant { isPaced ? max(now, nextSlot - Self.horizon) : now }

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
    let interval = max(Self.interval, responseTime * Self.responseTimes, leastInterval)
    guard isFinal || isQuiet || intervalStart.duration(to: now) >= interval else { return }
    if let rate {
      if throttled > 0, throttled * 4 >= posts { cut(from: rate, now: now) } else if posts > 0 { raise(from: rate) }
    } else if isThrottledByPosts || isThrottledByRetries {
      unlimitedRate = ceiling ?? Double(posts + retries) / seconds(until: now)
      cut(from: ceiling ?? .infinity, now: now)
    }
    intervalStart = now
    (posts, throttled) = (0, 0)
    // Below a ceiling, retries are fewer than a sample in each interval.
    if ceiling == nil || rate != nil || retries >= Self.minimumSample { (retries, recovered) = (0, 0) }
  }

  /// The time of enough posts for a decision below a ceiling.
  private var leastInterval: Duration {
    guard let ceiling, rate == nil else { return .zero }
    return .seconds(Self.intervalPosts / ceiling)
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
    // Below a ceiling, the retries are those of several intervals.
    let accepted = Double(posts - throttled + (ceiling == nil ? recovered : 0)) / seconds(until: now)
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
