/// When the watchdog looks at an event loop, and when it finds it blocked; performs no I/O.
///
/// The loop itself ends an invocation that runs too long, once only the reserve for the answer is left. The watchdog looks
/// when three quarters of that reserve are left: it pings the loop, and a loop that does not answer within a quarter of the
/// reserve is blocked. A loop that answers is pinged again, because it can block later.
struct WatchdogSchedule {
  /// An invocation in progress.
  struct Entry: Equatable {
    let id: Int
    let deadline: ContinuousClock.Instant
    /// The part of the invocation's time that is kept for the answer.
    let reserve: Duration
    /// When to look at the loop next.
    fileprivate(set) var check: ContinuousClock.Instant

    init(id: Int, deadline: ContinuousClock.Instant, reserve: Duration) {
      self.id = id
      self.deadline = deadline
      self.reserve = reserve
      check = deadline - reserve * 3 / 4
    }
  }

  /// The action to take.
  enum Action: Equatable {
    /// Look again at a time; `nil`: when there is a new entry.
    case sleep(until: ContinuousClock.Instant?)
    /// Ask the loop to call `pong`.
    case ping
    /// The loop is blocked: answer this invocation, and end the process.
    case seize(Entry)
  }

  private var entries: [Entry] = []
  /// When the ping was sent that the loop has not answered.
  private var pinged: ContinuousClock.Instant?

  /// Adds an invocation.
  mutating func add(_ entry: Entry) { entries.append(entry) }

  /// Removes an invocation that is over.
  mutating func remove(_ id: Int) { entries.removeAll { $0.id == id } }

  /// The loop has answered the ping.
  mutating func pong(now: ContinuousClock.Instant) {
    pinged = nil
    for index in entries.indices where entries[index].check <= now {
      entries[index].check = now + entries[index].reserve / 8
    }
  }

  /// Returns the action to take now.
  mutating func next(now: ContinuousClock.Instant) -> Action {
    // After its deadline, Lambda itself ends an invocation.
    guard let first = entries.filter({ $0.check < $0.deadline }).min(by: { $0.check < $1.check }) else {
      pinged = nil
      return .sleep(until: nil)
    }
    guard first.check <= now else { return .sleep(until: first.check) }
    guard let pinged else {
      pinged = now
      return .ping
    }
    let limit = pinged + first.reserve / 4
    return limit <= now ? .seize(first) : .sleep(until: limit)
  }
}
