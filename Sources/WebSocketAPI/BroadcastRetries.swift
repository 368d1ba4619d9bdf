/// The retries of a broadcast to a range of a room, made during the pass: a row holds the checkpoint until it has its
/// final result.
///
/// A connection that answers 429 is slow, or the account is throttled. If a share of the responses to first posts is 429,
/// then that is also the most that a throttled account refuses; the product of the shares at a connection's refusals is
/// the most likely that all of them were the account's. A connection counts as slow once that is below one in a million.
struct BroadcastRetries {
  typealias Instant = ContinuousClock.Instant
  typealias Post = BroadcastQueue.Post

  /// The wait before a post that was refused is repeated. Four posts take 0.6 seconds, less than a second chance.
  private static let throttlePause = Duration.milliseconds(200)
  /// The wait before second chances: the longest measured time from the write of a row to the end of its handshake.
  private static let secondChancePause = Duration.seconds(1)
  /// The fewest refusals of a slow connection.
  private static let minimumRefusals = 4
  private static let maximumDoubt = 1e-6
  /// The weight of a response in the share of refusals.
  private static let weight = 1.0 / 32
  /// The bounds of the share: the upper one ends the retries of an account that refuses everything, after 270 refusals.
  private static let shares = 0.01...0.95

  /// In order of time.
  private var throttled: ArraySlice<Post> = []
  private var unsettled: ArraySlice<Post> = []
  private var wasLastRetry = false
  /// The share of 429 in the responses to first posts, smoothed.
  private var refusedShare = 0.0

  var unsettledCount: Int { unsettled.count }
  var count: Int { throttled.count + unsettled.count }
  var isFull: Bool { throttled.count >= BroadcastQueue.maximumThrottled }

  /// Whether one more refused post fills the queue.
  var isNearlyFull: Bool { throttled.count + 1 >= BroadcastQueue.maximumThrottled }

  // MARK: - Queues

  mutating func addUnsettled(_ post: Post, now: Instant) {
    var post = post
    post.isSecondChance = true
    post.start = now + Self.secondChancePause
    unsettled.append(post)
  }

  mutating func addThrottled(_ post: Post, now: Instant) {
    var post = post
    post.start = now + Self.throttlePause
    throttled.append(post)
  }

  /// At least the number of posts that are due, and 0 only if none is.
  func dueCount(now: Instant) -> Int {
    Self.dueCount(throttled, now: now) + Self.dueCount(unsettled, now: now)
  }

  private static func dueCount(_ posts: ArraySlice<Post>, now: Instant) -> Int {
    if let first = posts.first, first.start <= now { posts.count } else { 0 }
  }

  /// The earliest time at which a post is due; `nil` if there is none.
  var nextDue: Instant? { [throttled.first, unsettled.first].compactMap { $0?.start }.min() }

  /// The next retry.
  ///
  /// - Parameter areRowsWaiting: whether there are rows to post to, which then get every other post.
  mutating func next(now: Instant, areRowsWaiting: Bool) -> Post? {
    guard !(wasLastRetry && areRowsWaiting) else {
      wasLastRetry = false
      return nil
    }
    let post = Self.popDue(&unsettled, now: now) ?? Self.popDue(&throttled, now: now)
    wasLastRetry = post != nil
    return post
  }

  private static func popDue(_ posts: inout ArraySlice<Post>, now: Instant) -> Post? {
    guard let post = posts.first, post.start <= now else { return nil }
    return posts.popFirst()
  }

  // MARK: - Responses

  /// Whether a response tells something about the account: a repeated refusal is likely to be the client's.
  static func isSample(_ post: Post, isThrottled: Bool) -> Bool { !isThrottled || post.throttles < 2 }

  /// Records a post that was not refused. If it was refused before, that was the account's refusal.
  mutating func accepted(_ post: Post) {
    if post.isFirst {
      refusedShare -= refusedShare * Self.weight
    } else if post.throttles > 0 {
      refusedShare += (1 - refusedShare) * Self.weight
    }
  }

  /// Records a refusal, counted in the post already.
  ///
  /// - Returns: whether the connection counts as slow.
  mutating func isSlow(_ post: inout Post) -> Bool {
    if post.throttles == 1 { refusedShare += (1 - refusedShare) * Self.weight }
    post.doubt *= min(max(refusedShare, Self.shares.lowerBound), Self.shares.upperBound)
    return post.throttles >= Self.minimumRefusals && post.doubt <= Self.maximumDoubt
  }
}
