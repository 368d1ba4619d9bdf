/// The management API's answers to posts, and the deliveries that they lead to.
final class Posts {
  /// The result of one post.
  enum Outcome: UInt8 {
    case delivered, slow, gone, throttled
    /// The connection is reset: after the delivery, or before it.
    case deliveredThenReset, reset
  }

  struct Counters: Encodable {
    /// Requests that the quota admitted, and those that it refused.
    var accepted = 0
    var throttled = 0
    var delivered = 0
    var slow = 0
    var gone = 0
    var resets = 0
  }

  let rooms: [Room]
  private(set) var frames: [Frame] = []
  private(set) var counters = Counters()
  private var bucket: TokenBucket
  private let latency: LatencyDistribution
  private let resets: Double
  private let factor: Double
  private let started: Microseconds
  private var randomness = Randomness(seed: 2)
  private var frameIndices: [UInt64: Int] = [:]
  private var latest: (key: UInt64, frame: Int) = (0, -1)

  init(_ configuration: Configuration, rooms: [Room], now: Microseconds) {
    self.rooms = rooms
    factor = configuration.factor
    started = now
    resets = configuration.resets
    bucket = TokenBucket(
      rate: configuration.quota / factor, burst: configuration.burst, now: now)
    latency = LatencyDistribution(median: configuration.latency * factor, spread: configuration.latencySpread)
  }

  /// - Parameter quota: requests a second in the scenario's time.
  func setQuota(_ quota: Double, now: Microseconds) {
    bucket.refill(now: now)
    bucket.rate = quota / factor
  }

  /// Counts a client's message, which the same quota covers. Messages are not refused here.
  func admitMessage(now: Microseconds) {
    if bucket.take(now: now) { counters.accepted += 1 }
  }

  // MARK: - Frames

  /// A body's key: its length, and a hash of its start, which has the message's id.
  static func key(_ start: UnsafePointer<UInt8>, _ count: Int, length: Int) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(length)
    for index in 0..<count { hash = (hash ^ UInt64(start[index])) &* 0x100_0000_01B3 }
    return hash
  }

  /// The index of a known frame.
  func frame(_ key: UInt64) -> Int? {
    if latest.key == key, latest.frame >= 0 { return latest.frame }
    guard let frame = frameIndices[key] else { return nil }
    latest = (key, frame)
    return frame
  }

  func register(_ body: [UInt8], room: Int, key: UInt64) -> Int {
    frames.append(Frame(body: body, room: rooms[room]))
    frameIndices[key] = frames.count - 1
    return frames.count - 1
  }

  // MARK: - Posts

  /// Decides a post's outcome when it arrives.
  ///
  /// - Returns: the outcome and the response time.
  func admit(room: Int, number: Int, now: Microseconds) -> (Outcome, Microseconds) {
    let time = latency.sample(&randomness)
    guard bucket.take(now: now) else {
      counters.throttled += 1
      return (.throttled, time)
    }
    counters.accepted += 1
    if resets > 0 {
      let fraction = randomness.fraction()
      if fraction < resets {
        counters.resets += 1
        let isRead = rooms[room].kind(number) == .reader
        return (fraction < resets / 2 && isRead ? .deliveredThenReset : .reset, time)
      }
    }
    switch rooms[room].kind(number) {
    case .reader: return (.delivered, time)
    case .slow:
      counters.slow += 1
      return (.slow, time)
    case .gone:
      counters.gone += 1
      return (.gone, time)
    }
  }

  /// Delivers when the response time is over.
  func settle(_ outcome: Outcome, number: Int, frame: Int, isAnswerLost: Bool, now: Microseconds) {
    guard outcome == .delivered || outcome == .deliveredThenReset else { return }
    counters.delivered += 1
    let time = Microseconds(Double(now - started) / factor)
    frames[frame].deliver(
      to: number, isAnswerLost: isAnswerLost || outcome == .deliveredThenReset, at: time)
  }
}
