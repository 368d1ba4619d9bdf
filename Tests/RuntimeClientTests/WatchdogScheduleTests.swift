import Testing

@testable import RuntimeClient

/// When the watchdog looks at the loop and when it finds it blocked, without a clock.
struct WatchdogScheduleTests {
  private let start = ContinuousClock.now

  /// An invocation of 10 s: a reserve of 500 ms, of which 375 ms are left at the check.
  private func entry(_ id: Int = 1, after offset: Duration = .zero) -> WatchdogSchedule.Entry {
    .init(id: id, deadline: start + offset + .seconds(10), reserve: .milliseconds(500))
  }

  private func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

  @Test("Sleeps until a new entry, then until the first check")
  func sleeps() {
    var schedule = WatchdogSchedule()
    #expect(schedule.next(now: start) == .sleep(until: nil))
    schedule.add(entry(1, after: .seconds(1)))
    schedule.add(entry(2))
    #expect(schedule.next(now: start) == .sleep(until: at(9625)))
    schedule.remove(2)
    #expect(schedule.next(now: start) == .sleep(until: at(10_625)))
    schedule.remove(1)
    #expect(schedule.next(now: start) == .sleep(until: nil))
  }

  @Test("Seizes the invocation if the loop does not answer a ping within a quarter of the reserve")
  func seizes() {
    var schedule = WatchdogSchedule()
    schedule.add(entry())
    #expect(schedule.next(now: at(9625)) == .ping)
    #expect(schedule.next(now: at(9626)) == .sleep(until: at(9750)))
    #expect(schedule.next(now: at(9749)) == .sleep(until: at(9750)))
    guard case .seize(let seized) = schedule.next(now: at(9750)) else {
      Issue.record("the loop is not found blocked")
      return
    }
    #expect(seized.id == 1)
  }

  @Test("Pings a loop that answers again, because it can block later")
  func pingsAgain() {
    var schedule = WatchdogSchedule()
    schedule.add(entry())
    #expect(schedule.next(now: at(9625)) == .ping)
    schedule.pong(now: at(9630))
    #expect(schedule.next(now: at(9631)) == .sleep(until: at(9630) + .microseconds(62_500)))
    #expect(schedule.next(now: at(9693)) == .ping)
    guard case .seize = schedule.next(now: at(9818)) else {
      Issue.record("the loop is not found blocked")
      return
    }
  }

  @Test("An invocation that ends meanwhile is not seized, and the next one is watched again")
  func endsMeanwhile() {
    var schedule = WatchdogSchedule()
    schedule.add(entry())
    #expect(schedule.next(now: at(9625)) == .ping)
    schedule.remove(1)
    #expect(schedule.next(now: at(9750)) == .sleep(until: nil))
    schedule.add(entry(2, after: .seconds(9)))
    #expect(schedule.next(now: at(18_625)) == .ping)
  }

  @Test("Leaves an invocation alone after its deadline while the loop answers")
  func afterTheDeadline() {
    var schedule = WatchdogSchedule()
    schedule.add(entry())
    var now = at(9625)
    while now < at(10_000) {
      #expect(schedule.next(now: now) == .ping)
      schedule.pong(now: now)
      now += .microseconds(62_500)
    }
    #expect(schedule.next(now: now) == .sleep(until: nil))
  }
}
