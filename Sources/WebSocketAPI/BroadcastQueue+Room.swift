/// Broadcasts to a whole room: retries after the first pass.
extension BroadcastQueue {
  /// The time without an accepted post after which the rest of a throttled broadcast counts as slow.
  private static let throttlePatience = Duration.seconds(2)

  var hasRoomPost: Bool {
    !fresh.isEmpty || !lastChance.isEmpty || !round.isEmpty || (!throttled.isEmpty && isRetryingThrottled)
  }

  /// Whether throttled posts are retried before the end of the first pass: at the account's pace, or to bound the queue.
  private var isRetryingThrottled: Bool { pace.isLimited || throttled.count >= Self.maximumThrottled }

  mutating func popRoomPost(now: Instant) -> Post? {
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

  /// Queues a refused post, or counts it.
  ///
  /// - Returns: whether it is queued.
  mutating func deferThrottled(_ post: Post) -> Bool {
    if pace.isLimited {
      // If the queue is full, a post that was refused many times is dropped.
      let isGivenUp = throttled.count >= Self.maximumThrottled && post.throttles > 2 * BroadcastTail.maximumRounds
      if isGivenUp { fail(post) } else { throttled.append(post) }
      return !isGivenUp
    }
    if post.rounds >= BroadcastTail.maximumRounds {
      report.slow += 1
      return false
    }
    throttled.append(post)
    return true
  }

  /// Whether the remaining connections are slow although the account seemed to be throttled: others were reached, and
  /// these were refused for long enough.
  func isContradicted(_ throttlesInRow: Int, since lastAccepted: Instant, now: Instant) -> Bool {
    let left = throttled.count + round.count + inFlight
    guard report.reached > 0, throttlesInRow >= min(10, 3 * left) else { return false }
    let isConfirmed = pace.isConfirmed || left * 3 > posted
    return !isConfirmed || lastAccepted.duration(to: now) >= Self.throttlePatience
  }

  /// Moves posts between the queues whose time has come.
  mutating func advance(now: Instant) {
    pace.judge(now: now)
    guard retries == nil, fresh.isEmpty, pages.isEnd else { return }
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

  func roomPlan(now: Instant) -> Plan {
    var plan = Plan()
    if hasRoomPost, pace.nextTime(now: now) < deadline {
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
      pages.isEnd && inFlight == 0 && !hasRoomPost && unsettled.isEmpty && throttled.isEmpty
    return plan
  }
}
