/// Broadcasts to a range of a room: a rate, a checkpoint, and retries during the pass.
extension BroadcastQueue {
  /// The time before the deadline that is left to the posts in flight.
  private static let endPause = Duration.seconds(1)

  static func lastStart(now: Instant, deadline: Instant) -> Instant {
    deadline - max(.zero, min(endPause, now.duration(to: deadline) / 10))
  }

  /// The results so far, and the checkpoint.
  var progress: BroadcastProgress {
    var report = report
    report.servedThrough = checkpoint?.servedThrough
    return BroadcastProgress(servedThrough: report.servedThrough, report: report)
  }

  /// Sets the most posts a second.
  mutating func setRate(_ rate: Double, now: Instant) { pace.setCeiling(rate, now: now) }

  /// The rows to post to now: none while the queue of refused posts is full.
  private var readyRows: Int { retries?.isFull == true ? 0 : fresh.count }

  func hasRangePost(now: Instant) -> Bool { readyRows > 0 || (retries?.dueCount(now: now) ?? 0) > 0 }

  /// Counts the expired rows before the next row to post to: they must not use the rate.
  mutating func skipExpired(now: Instant) {
    while let connection = fresh.first, connection.isExpired(at: date(now)) {
      fresh.removeFirst()
      report.expired += 1
      settle(connection)
    }
  }

  /// Alternates between the rows and the retries that are due, so that neither holds up the other.
  mutating func popRangePost(now: Instant) -> Post? {
    let areRowsReady = readyRows > 0
    if let post = retries?.next(now: now, areRowsWaiting: areRowsReady) { return post }
    guard areRowsReady, let connection = fresh.popFirst() else { return nil }
    return Post(connection: connection, row: checkpoint?.add(connection.connectionID) ?? 0, start: now)
  }

  /// Records the final result of a row that is not posted to.
  private mutating func settle(_ connection: Connection) {
    if let row = checkpoint?.add(connection.connectionID) { checkpoint?.settle(row) }
  }

  /// Queues a refused post, or counts it.
  ///
  /// - Returns: whether it is queued.
  mutating func deferRangeThrottled(_ post: inout Post, now: Instant) -> Bool {
    guard var retries else { return false }
    // In place: the queue is not copied.
    self.retries = nil
    defer { self.retries = retries }
    if retries.isSlow(&post) {
      report.slow += 1
      return false
    }
    // If the queue is full with this post, one that was refused many times is dropped.
    if retries.isNearlyFull, post.throttles > 2 * BroadcastTail.maximumRounds {
      if pace.isLimited { fail(post) } else { report.slow += 1 }
      return false
    }
    retries.addThrottled(post, now: now)
    return true
  }

  func rangePlan(now: Instant) -> Plan {
    var plan = Plan()
    guard now < lastStart else {
      plan.isDone = inFlight == 0
      return plan
    }
    let due = retries?.dueCount(now: now) ?? 0
    let ready = readyRows + due
    if ready > 0, pace.nextTime(now: now) < lastStart {
      let slots = pace.slots(now: now)
      if slots > 0 { plan.posts = min(ready, slots) } else { plan.wake = pace.wakeTime(now: now) }
    } else if ready == 0 {
      plan.wake = retries?.nextDue
    }
    plan.isDone = pages.isEnd && inFlight == 0 && fresh.isEmpty && retries?.count == 0
    return plan
  }
}
