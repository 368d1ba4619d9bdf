import AWS

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Pending posts and results of one broadcast; performs no I/O and reads no clock.
///
/// The first pass posts to every row, page by page. A broadcast to a whole room then retries connections that answered
/// 429: in up to three short rounds, or at the accepted pace if the account is throttled. Connections that may still be
/// opening or did not answer get one second chance. A broadcast to a range of a room has a rate and a checkpoint, and
/// makes all retries during the pass; see `BroadcastRetries`. All of these end at the deadline.
struct BroadcastQueue {
  typealias Instant = ContinuousClock.Instant

  /// The maximum number of posts queued for a second chance, and after a 429. An unlimited broadcast makes about 3,000
  /// posts before it detects a throttled account.
  static let maximumUnsettled = 1000
  static let maximumThrottled = 10_000

  let started: (instant: Instant, date: Date)
  let deadline: Instant
  /// The time from which no further post starts: before the deadline in a broadcast to a range, so that the posts in
  /// flight end and are not repeated by the broadcast that continues.
  let lastStart: Instant
  var pages: BroadcastPages
  var pace: BroadcastPace
  var fresh: ArraySlice<Connection>
  /// The connection that is posted to before all others, which the pages may contain or not.
  private let first: Connection?
  var throttled: ArraySlice<Post> = []
  var round: ArraySlice<Post> = []
  var unsettled: [Post] = []
  var lastChance: ArraySlice<Post> = []
  var inFlight = 0
  /// The posts in flight to connections that were not posted to before.
  var firstInFlight = 0
  var posted = 0
  /// The first error of a throttled post.
  private var throttling: (any Error)?
  private var throttlesInRow = 0
  private var lastAccepted: Instant
  /// The schedule after the first pass; `nil` during it.
  var tail: BroadcastTail?
  /// The retries and the checkpoint of a broadcast to a range; `nil` for any other.
  var retries: BroadcastRetries?
  var checkpoint: BroadcastCheckpoint?
  private(set) var isOver = false
  /// Whether the deadline ended a post.
  private var isCutOff = false
  var report = BroadcastReport()

  /// - Parameters:
  ///   - date: the wall-clock time at `now`, for the rows' expiry.
  ///   - first: a connection that is posted to at once and not again if it is on a page.
  ///   - pages: the position in the table.
  ///   - rate: the most posts a second of a broadcast to a range; `nil` for any other broadcast.
  init(
    deadline: Instant, now: Instant, date: Date, first: Connection? = nil, pages: BroadcastPages = BroadcastPages(),
    rate: Double? = nil
  ) {
    self.deadline = deadline
    self.first = first
    self.pages = pages
    fresh = first.map { [$0] } ?? []
    started = (now, date)
    lastAccepted = now
    pace = BroadcastPace(now: now)
    lastStart = rate == nil ? deadline : Self.lastStart(now: now, deadline: deadline)
    guard let rate else { return }
    pace.setCeiling(rate, now: now)
    retries = BroadcastRetries()
    checkpoint = BroadcastCheckpoint(after: pages.start)
  }

  func date(_ now: Instant) -> Date {
    started.date.addingTimeInterval(started.instant.duration(to: now) / .seconds(1))
  }

  // MARK: - Pages

  /// Turns to the fetched page once the previous one is posted.
  ///
  /// - Returns: the key to fetch the next page from, `nil` if none is to be fetched now.
  mutating func nextPage(now: Instant) -> BroadcastPages.Key? {
    if fresh.isEmpty, let rows = pages.turn() { fresh = rows[...] }
    return isOver ? nil : pages.fetch()
  }

  mutating func record(_ page: Result<ConnectionPage, any Error>, now: Instant) {
    let page = page.map { $0.without(first) }
    if let error = pages.record(page) { report.readError = isOver ? DeadlineExceeded() : error }
  }

  // MARK: - Posts

  /// The next post; `nil` if there is none for the moment, or the deadline has passed.
  mutating func next(now: Instant) -> Post? {
    // Posts that end at the deadline return before the deadline's timer fires; they must not be replaced.
    guard !isOver, now < deadline else {
      isOver = true
      return nil
    }
    advance(now: now)
    while hasPost(now: now) {
      guard let slot = pace.reserveSlot(now: now), slot < lastStart, var post = pop(now: now) else { return nil }
      if post.isFirst {
        guard !post.connection.isExpired(at: date(now)) else {
          report.expired += 1
          checkpoint?.settle(post.row)
          continue
        }
        posted += 1
        firstInFlight += 1
      }
      inFlight += 1
      post.start = slot
      post.isPaced = pace.isPaced
      return post
    }
    return nil
  }

  private mutating func hasPost(now: Instant) -> Bool {
    guard retries != nil else { return hasRoomPost }
    skipExpired(now: now)
    return hasRangePost(now: now)
  }

  private mutating func pop(now: Instant) -> Post? { retries == nil ? popRoomPost(now: now) : popRangePost(now: now) }

  mutating func record(_ outcome: Outcome, of post: Post, now: Instant) {
    inFlight -= 1
    if post.isFirst { firstInFlight -= 1 }
    var isThrottled = false
    var isSettled = true
    switch outcome {
    case .reached: report.reached += 1
    case .gone(let result):
      report.gone += 1
      switch result {
      case .success(let row): report.pruned(row)
      case .failure(let error): report.pruneFailed(error)
      }
    case .unsettled(let error):
      isSettled = !deferUnsettled(post, error, now: now)
      if isSettled { report.failed(error) }
    case .throttled(let error):
      isThrottled = true
      throttling = throttling ?? error
      var post = post
      post.throttles += 1
      isSettled = retries == nil ? !deferThrottled(post) : !deferRangeThrottled(&post, now: now)
    case .failed(let error): report.failed(error)
    case .cutOff:
      isCutOff = true
      isSettled = false
      // The broadcast that continues the range repeats the post.
      if retries == nil { report.failed(DeadlineExceeded()) } else { report.notTried += 1 }
    case .notTried:
      // A retry that was not made fails with the error of the previous attempt.
      if post.isFirst || retries != nil { report.notTried += 1 } else { lastChance.append(post) }
      return
    }
    if isSettled { checkpoint?.settle(post.row) }
    if retries != nil, !BroadcastRetries.isSample(post, isThrottled: isThrottled) { return }
    if !isThrottled { retries?.accepted(post) }
    pace.record(isThrottled: isThrottled, isRetry: post.throttles > 0, startedAt: post.start, now: now)
    guard isThrottled else {
      throttlesInRow = 0
      lastAccepted = now
      return
    }
    throttlesInRow += 1
    if tail != nil, pace.isLimited, isContradicted(throttlesInRow, since: lastAccepted, now: now) { pace.lift() }
  }

  /// Queues a post for its second chance.
  ///
  /// - Returns: `false` if it has had one, or too many wait for theirs.
  private mutating func deferUnsettled(_ post: Post, _ error: any Error, now: Instant) -> Bool {
    guard !post.isSecondChance, (retries?.unsettledCount ?? unsettled.count) < Self.maximumUnsettled else {
      return false
    }
    var post = post
    post.error = error
    if retries == nil { unsettled.append(post) } else { retries?.addUnsettled(post, now: now) }
    return true
  }

  // MARK: - Scheduling

  mutating func plan(now: Instant) -> Plan {
    guard !isOver else { return Plan(isDone: true) }
    advance(now: now)
    return retries == nil ? roomPlan(now: now) : rangePlan(now: now)
  }

  // MARK: - The end

  /// Ends the broadcast: no further post starts.
  mutating func stop() { isOver = true }

  /// Counts all remaining posts and returns the report.
  mutating func finish(now: Instant) -> BroadcastReport {
    let (rows, isComplete) = pages.finish()
    fresh += rows
    if !isComplete { report.readError = report.readError ?? DeadlineExceeded() }
    for connection in fresh {
      if connection.isExpired(at: date(now)) { report.expired += 1 } else { report.notTried += 1 }
    }
    // The broadcast that continues the range repeats these posts.
    report.notTried += retries?.count ?? 0
    let pending = throttled.count + round.count + unsettled.count + lastChance.count
    report.isComplete = report.readError == nil && report.notTried == 0 && pending == 0 && !isCutOff
    report.servedThrough = checkpoint?.servedThrough
    for post in throttled + round {
      if pace.isLimited { fail(post) } else { report.slow += 1 }
    }
    for post in unsettled + lastChance { fail(post) }
    return report
  }

  mutating func fail(_ post: Post) {
    report.failed((post.throttles > 0 ? throttling : post.error) ?? DeadlineExceeded())
  }
}
