import AWS

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The pending posts and the results of one broadcast; performs no I/O and reads no clock.
///
/// Rows are posted to page by page. Then follow, while time is left, the connections that answered 429, in up to three
/// short rounds or, if the account is throttled, at the pace that it accepts; and once more those that may still be
/// opening or did not answer.
struct BroadcastQueue {
  typealias Instant = ContinuousClock.Instant

  /// A post to make.
  struct Post: Sendable {
    let connection: Connection
    /// How many times the connection has answered 429.
    var throttles = 0
    /// In how many later rounds it has been.
    var rounds = 0
    /// Whether the connection has used its second chance.
    var isSecondChance = false
    /// The error of an attempt without a response.
    var error: (any Error)?
    /// The time to start it.
    var start: Instant
    /// Whether that time may be in the future.
    var isPaced = false
  }

  /// The result of a post.
  enum Outcome: Sendable {
    case reached
    /// The connection is closed. Its row was deleted, unless there is an error.
    case gone(pruneError: (any Error)?)
    /// The connection may be about to open, or did not answer: worth a second chance.
    case unsettled(any Error)
    case throttled(any Error)
    case failed(any Error)
    /// The deadline ended the post; the message may have arrived.
    case cutOff
    /// The deadline came before the post.
    case notTried
  }

  /// The most posts that are kept for a second chance, and for after a 429. They bound the memory, not the size of a
  /// broadcast: an unlimited broadcast makes about 3,000 posts before it notices that the account is throttled.
  static let maximumUnsettled = 1000
  static let maximumThrottled = 10_000
  private static let maximumRounds = 3
  /// The wait before second chances: the longest observed time between a row's write and the end of its handshake.
  private static let secondChancePause = Duration.seconds(1)
  /// How long a throttle that has been confirmed may accept nothing before what is left counts as slow.
  private static let throttlePatience = Duration.seconds(2)

  /// The times after the first pass: its end, the end of later rounds, and the start of second chances.
  private typealias Tail = (start: Instant, slowDeadline: Instant, secondChance: Instant)

  private let started: (instant: Instant, date: Date)
  private let deadline: Instant
  private var pages = BroadcastPages()
  private var pace: BroadcastPace
  private var fresh: ArraySlice<Connection> = []
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
  private var rounds = 0
  private var tail: Tail?
  private(set) var isOver = false
  private(set) var report = BroadcastReport()

  /// - Parameter date: the wall-clock time at `now`, for the rows' expiry.
  init(deadline: Instant, now: Instant, date: Date) {
    self.deadline = deadline
    started = (now, date)
    lastAccepted = now
    pace = BroadcastPace(now: now)
  }

  private func date(_ now: Instant) -> Date {
    started.date.addingTimeInterval(started.instant.duration(to: now) / .seconds(1))
  }

  // MARK: - Pages

  /// Moves on to the fetched page once the previous one is posted.
  ///
  /// - Returns: the key to fetch the next page from, `nil` if none is to be fetched now.
  mutating func nextPage(now: Instant) -> BroadcastPages.Key? {
    if fresh.isEmpty, let page = pages.turn() { fresh = page[...] }
    return isOver ? nil : pages.fetch()
  }

  mutating func record(_ page: Result<ConnectionPage, any Error>, now: Instant) {
    if let error = pages.record(page) { report.readError = isOver ? DeadlineExceeded() : error }
  }

  // MARK: - Posts

  /// The next post; `nil` if there is none for the moment, or the deadline has passed.
  mutating func next(now: Instant) -> Post? {
    // Posts that end at the deadline return before its timer fires, and must not be replaced.
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

  /// Whether throttled posts are made as they come: at the account's pace, or to bound their number.
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
    case .gone(let error):
      report.gone += 1
      if let error { report.pruneFailed(error) }
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
      // A retry counts by the error of its last attempt.
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
      // Beyond the bound, one that was refused again and again is given up in favor of the rest.
      let isGivenUp = throttled.count >= Self.maximumThrottled && post.throttles > 2 * Self.maximumRounds
      if isGivenUp { fail(post) } else { throttled.append(post) }
    } else if post.rounds >= Self.maximumRounds {
      report.slow += 1
    } else {
      throttled.append(post)
    }
  }

  /// Whether the connections that are left are slow after all, although the account seemed to be throttled: other
  /// connections were reached, and none of these was for long enough.
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
      beginTail(now: now)
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
    } else if isLastRoundOver(tail, now: now) {
      report.slow += throttled.count + round.count
      (throttled, round) = ([], [])
    } else if round.isEmpty, !throttled.isEmpty, now >= roundStart(tail) {
      round = exchange(&throttled, with: [])
      rounds += 1
    }
  }

  /// The first later round is completed whatever it takes; further ones must fit into the time for slow connections.
  private func isLastRoundOver(_ tail: Tail, now: Instant) -> Bool {
    if rounds == 0 || (rounds == 1 && !round.isEmpty) { return false }
    return now >= tail.slowDeadline || (rounds >= Self.maximumRounds && round.isEmpty)
  }

  private mutating func beginTail(now: Instant) {
    pace.judge(now: now, isFinal: true)
    // A fifth of the time so far: slow connections must not cost the others half as much again. If nobody was reached,
    // nobody waits.
    let time = started.instant.duration(to: now)
    let patience = report.reached == 0 ? .seconds(1) : max(time / 5, .milliseconds(8))
    let pause = min(Self.secondChancePause, now.duration(to: deadline) / 2)
    tail = (now, now + patience, now + pause)
  }

  private func roundStart(_ tail: Tail) -> Instant {
    tail.start + tail.start.duration(to: tail.slowDeadline) * [1, 3, 6][min(rounds, 2)] / 8
  }

  // MARK: - Scheduling

  /// What the broadcast can do at a moment.
  struct Plan: Equatable {
    /// The posts that can start now, at most.
    var posts = 0
    /// When more can be done although nothing happens until then.
    var wake: Instant?
    var isDone = false
  }

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
        if !round.isEmpty, rounds > 1 { times.append(tail.slowDeadline) }
        if round.isEmpty, !throttled.isEmpty { times.append(roundStart(tail)) }
      }
      plan.wake = times.min()
    }
    plan.isDone =
      pages.isEnd && inFlight == 0 && !hasPost && unsettled.isEmpty && throttled.isEmpty
    return plan
  }

  // MARK: - The end

  /// Ends the broadcast: no post starts any more.
  mutating func stop() { isOver = true }

  /// The report, with everything that is left counted.
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

/// The deadline came before the work was done.
struct DeadlineExceeded: Error, CustomStringConvertible {
  let description = "the deadline came first"
}
