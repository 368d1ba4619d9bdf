import AWS

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Pending posts and results of one broadcast; performs no I/O and reads no clock.
///
/// The first pass posts to every row, page by page. Later rounds retry connections that answered 429: in up to three
/// short rounds, or at the accepted pace if the account is throttled. Connections that may still be opening or did not
/// answer get one second chance. All of these end at the deadline.
struct BroadcastQueue {
  typealias Instant = ContinuousClock.Instant

  /// The maximum number of posts queued for a second chance, and after a 429. An unlimited broadcast makes about 3,000
  /// posts before it detects a throttled account.
  static let maximumUnsettled = 1000
  static let maximumThrottled = 10_000
  /// The time without an accepted post after which the rest of a throttled broadcast counts as slow.
  private static let throttlePatience = Duration.seconds(2)

  private let started: (instant: Instant, date: Date)
  private let deadline: Instant
  private var pages: BroadcastPages
  private var pace: BroadcastPace
  private var fresh: ArraySlice<Connection>
  /// The connection that is posted to before all others, which the pages may contain or not.
  private let first: Connection?
  private var throttled: ArraySlice<Post> = []
  private var round: ArraySlice<Post> = []
  private var unsettled: [Post] = []
  private var lastChance: ArraySlice<Post> = []
  private var inFlight = 0
  /// The posts in flight to connections that were not posted to before.
  private var firstInFlight = 0
  private var posted = 0
  /// The first error of a throttled post.
  private var throttling: (any Error)?
  private var throttlesInRow = 0
  private var lastAccepted: Instant
  /// The schedule after the first pass; `nil` during it.
  private var tail: BroadcastTail?
  private(set) var isOver = false
  private(set) var report = BroadcastReport()

  /// - Parameters:
  ///   - date: the wall-clock time at `now`, for the rows' expiry.
  ///   - first: a connection that is posted to at once and not again if it is on a page.
  init(
    deadline: Instant, now: Instant, date: Date, first: Connection? = nil, pages: BroadcastPages = BroadcastPages(),
    rate: Double? = nil
  ) {
    self.pages = pages
    self.deadline = deadline
    self.first = first
    fresh = first.map { [$0] } ?? []
    started = (now, date)
    lastAccepted = now
    pace = BroadcastPace(now: now)
  }

  private func date(_ now: Instant) -> Date {
    started.date.addingTimeInterval(started.instant.duration(to: now) / .seconds(1))
  }

  // MARK: - Pages

  /// Turns to the fetched page once the previous one is posted.
  ///
  /// - Returns: the key to fetch the next page from, `nil` if none is to be fetched now.
  mutating func nextPage(now: Instant) -> BroadcastPages.Key? {
    if fresh.isEmpty, let page = pages.turn() { fresh = page[...] }
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
    while hasPost {
      guard let slot = pace.reserveSlot(now: now), slot < deadline, var post = pop(now: now) else { return nil }
      if post.throttles == 0, !post.isSecondChance {
        guard !post.connection.isExpired(at: date(now)) else {
          report.expired += 1
          continue
        }
        posted += 1
        firstInFlight += 1
      }
      inFlight += 1
      post.start = slot
      post.isPaced = pace.isLimited
      return post
    }
    return nil
  }

  private var hasPost: Bool {
    !fresh.isEmpty || !lastChance.isEmpty || !round.isEmpty || (!throttled.isEmpty && isRetryingThrottled)
  }

  /// Whether throttled posts are retried before the end of the first pass: at the account's pace, or to bound the queue.
  private var isRetryingThrottled: Bool { pace.isLimited || throttled.count >= Self.maximumThrottled }

  private mutating func pop(now: Instant) -> Post? {
    if throttled.count >= Self.maximumThrottled, var post = throttled.popFirst() {
      if !pace.isLimited { post.rounds += 1 }
      return post
    }
    if let connection = fresh.popFirst() { return Post(connection: connection, start: now) }
    if let post = lastChance.popFirst() { return post }
    guard var post = round.popFirst() else { return pace.isLimited ? throttled.popFirst() : nil }
    post.rounds += 1
    return post
  }

  mutating func record(_ outcome: Outcome, of post: Post, now: Instant) {
    inFlight -= 1
    if post.throttles == 0, !post.isSecondChance { firstInFlight -= 1 }
    var isThrottled = false
    switch outcome {
    case .reached: report.reached += 1
    case .gone(let result):
      report.gone += 1
      switch result {
      case .success(let row): report.pruned(row)
      case .failure(let error): report.pruneFailed(error)
      }
    case .unsettled(let error):
      if post.isSecondChance || unsettled.count >= Self.maximumUnsettled {
        report.failed(error)
      } else {
        var post = post
        post.error = error
        unsettled.append(post)
      }
    case .throttled(let error):
      isThrottled = true
      throttling = throttling ?? error
      var post = post
      post.throttles += 1
      deferThrottled(post)
    case .failed(let error): report.failed(error)
    case .cutOff: report.failed(DeadlineExceeded())
    case .notTried:
      // A retry that was not made fails with the error of the previous attempt.
      if post.throttles > 0 || post.isSecondChance { lastChance.append(post) } else { report.notTried += 1 }
      return
    }
    pace.record(isThrottled: isThrottled, isRetry: post.throttles > 0, startedAt: post.start, now: now)
    guard isThrottled else {
      throttlesInRow = 0
      lastAccepted = now
      return
    }
    throttlesInRow += 1
    if tail != nil, pace.isLimited, isContradicted(now: now) { pace.lift() }
  }

  private mutating func deferThrottled(_ post: Post) {
    if pace.isLimited {
      // If the queue is full, a post that was refused many times is dropped.
      let isGivenUp = throttled.count >= Self.maximumThrottled && post.throttles > 2 * BroadcastTail.maximumRounds
      if isGivenUp { fail(post) } else { throttled.append(post) }
    } else if post.rounds >= BroadcastTail.maximumRounds {
      report.slow += 1
    } else {
      throttled.append(post)
    }
  }

  /// Whether the remaining connections are slow although the account seemed to be throttled: others were reached, and
  /// these were refused for long enough.
  private func isContradicted(now: Instant) -> Bool {
    let left = throttled.count + round.count + inFlight
    guard report.reached > 0, throttlesInRow >= min(10, 3 * left) else { return false }
    let isConfirmed = pace.isConfirmed || left * 3 > posted
    return !isConfirmed || lastAccepted.duration(to: now) >= Self.throttlePatience
  }

  // MARK: - After the first pass

  private mutating func advance(now: Instant) {
    pace.judge(now: now)
    guard fresh.isEmpty, pages.isEnd else { return }
    if tail == nil {
      guard firstInFlight == 0 else { return }
      pace.judge(now: now, isFinal: true)
      tail = BroadcastTail(started: started.instant, now: now, deadline: deadline, isAnyReached: report.reached > 0)
    }
    guard let tail else { return }
    if !unsettled.isEmpty, now >= tail.secondChance {
      for var post in exchange(&unsettled, with: []) {
        post.isSecondChance = true
        lastChance.append(post)
      }
    }
    if pace.isLimited {
      throttled += exchange(&round, with: [])
    } else if tail.isLastRoundOver(now: now, isRoundPending: !round.isEmpty) {
      report.slow += throttled.count + round.count
      (throttled, round) = ([], [])
    } else if round.isEmpty, !throttled.isEmpty, now >= tail.nextRound {
      round = exchange(&throttled, with: [])
      self.tail?.rounds += 1
    }
  }

  // MARK: - Scheduling

  mutating func plan(now: Instant) -> Plan {
    guard !isOver else { return Plan(isDone: true) }
    advance(now: now)
    var plan = Plan()
    if hasPost, pace.nextTime(now: now) < deadline {
      if pace.wakeTime(now: now) > now {
        plan.wake = pace.wakeTime(now: now)
      } else {
        plan.posts = fresh.count + lastChance.count + round.count + (isRetryingThrottled ? throttled.count : 0)
      }
    }
    if let tail {
      var times = plan.wake.map { [$0] } ?? []
      if !unsettled.isEmpty { times.append(tail.secondChance) }
      if !pace.isLimited {
        if !round.isEmpty, tail.rounds > 1 { times.append(tail.slowDeadline) }
        if round.isEmpty, !throttled.isEmpty { times.append(tail.nextRound) }
      }
      plan.wake = times.min()
    }
    plan.isDone =
      pages.isEnd && inFlight == 0 && !hasPost && unsettled.isEmpty && throttled.isEmpty
    return plan
  }

  /// The results so far, and the checkpoint.
  var progress: BroadcastProgress { BroadcastProgress(servedThrough: report.servedThrough, report: report) }

  /// Sets the most posts a second.
  mutating func setRate(_ rate: Double, now: Instant) {}

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
    for post in throttled + round {
      if pace.isLimited { fail(post) } else { report.slow += 1 }
    }
    for post in unsettled + lastChance { fail(post) }
    return report
  }

  private mutating func fail(_ post: Post) {
    report.failed((post.throttles > 0 ? throttling : post.error) ?? DeadlineExceeded())
  }
}
