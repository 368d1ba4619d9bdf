/// Decides from the responses in short intervals whether the account is throttled, and limits the rate of posts if so.
///
/// API Gateway answers 429 both when a client does not read and when the account exceeds its quota. A few connections
/// that answer 429 are slow; when most of an interval's connections do, the account is throttled. The rate then follows
/// additive increase and multiplicative decrease. It is unlimited until then, so it costs nothing.
struct BroadcastPace {
  typealias Instant = ContinuousClock.Instant

  /// The least length of an interval, and how many response times it must span: the posts of one response time say
  /// little, because neighbors in the table are posted to together.
  private static let interval = Duration.milliseconds(100)
  private static let responseTimes = 5
  /// The fewest responses to judge by.
  private static let minimumSample = 20
  private static let recentMask: UInt32 = (1 << 20) - 1
  /// The least rate, which probes whether the throttle is over, in posts a second.
  private static let minimumRate = 100.0
  /// How far ahead a post may be scheduled: a later change of the rate should apply to it.
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
  /// Whether connections that answered 429 were reached later: the account was throttled, they were not slow.
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
  /// - Parameter isRetry: whether this connection answered 429 before. Such connections say nothing about the account
  ///   while they are few, unless they recover.
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

  /// Judges the current interval if it is over.
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

  /// At least half of the interval, and of its end: a cluster of slow connections may already have passed.
  private var isThrottledByPosts: Bool {
    posts >= Self.minimumSample && throttled * 2 >= posts
      && (recent & Self.recentMask).nonzeroBitCount * 2 >= Self.minimumSample
  }

  /// Slow connections stay slow for longer than an interval; a throttled account accepts most retries.
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
    // The first time quickly, in case a cluster of slow connections looked like a throttle.
    let raised = rate + (cuts == 1 ? unlimitedRate / 2 : min(unlimitedRate / 20, rate / 2))
    self.rate = raised < unlimitedRate ? raised : isConfirmed ? unlimitedRate : nil
  }

  /// Ends the limit: the connections that answer 429 turned out to be slow.
  mutating func lift() { rate = nil }

  private func seconds(until now: Instant) -> Double {
    max(intervalStart.duration(to: now), .milliseconds(1)) / .seconds(1)
  }
}
