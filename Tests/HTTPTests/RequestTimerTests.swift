import Testing

@testable import HTTP

/// Decisions about a request's time, with a given clock.
@Suite struct RequestTimerTests {
  private let start = ContinuousClock.now

  private func timer(_ timeout: Duration?, connect: Duration = .seconds(2)) -> RequestTimer {
    RequestTimer(start: start, timeout: timeout, connectTimeout: connect)
  }

  @Test("A waiting request is checked twice a second and fails at its timeout")
  func waiting() {
    let timer = timer(.seconds(5))
    for seconds in [0.0, 1, 4.4] {
      let now = start + .seconds(seconds)
      #expect(timer.decision(.waiting, now: now) == .check(at: now + .milliseconds(500)))
    }
    #expect(timer.decision(.waiting, now: start + .seconds(4.75)) == .check(at: start + .seconds(5)))
    #expect(timer.decision(.waiting, now: start + .seconds(5)) == .expire)
  }

  @Test("The connect timeout counts from the end of name resolution")
  func connecting() {
    let timer = timer(.seconds(5))
    let since = start + .seconds(2.75)
    #expect(timer.decision(.connecting(since: since), now: start + .seconds(3)) == .check(at: start + .seconds(4.75)))
    #expect(timer.decision(.connecting(since: since), now: start + .seconds(4.75)) == .expire)
    #expect(timer.decision(.connecting(since: start), now: start + .seconds(2)) == .expire)
    let late = start + .seconds(4)
    #expect(timer.decision(.connecting(since: late), now: late) == .check(at: start + .seconds(5)))
  }

  @Test("A connected request is limited by its timeout alone")
  func connected() {
    #expect(timer(.seconds(9)).decision(.connected, now: start + .seconds(6)) == .check(at: start + .seconds(9)))
    #expect(timer(.seconds(9)).decision(.connected, now: start + .seconds(9)) == .expire)
    #expect(timer(nil).decision(.connected, now: start + .seconds(900)) == .rest)
    let now = start + .seconds(900)
    #expect(timer(nil).decision(.waiting, now: now) == .check(at: now + .milliseconds(500)))
  }

  @Test("A request without time left fails at once", arguments: [Duration.zero, .seconds(-1)])
  func noTime(timeout: Duration) {
    #expect(timer(timeout).decision(.waiting, now: start) == .expire)
  }

  @Test("libcurl's connect timeout is the time until the next check plus the connect timeout")
  func allowance() {
    #expect(timer(.seconds(5)).allowance(now: start) == .seconds(2.5))
    #expect(timer(.seconds(5)).allowance(now: start + .seconds(3)) == .seconds(5.5))
    #expect(timer(.seconds(5), connect: .milliseconds(400)).allowance(now: start) == .milliseconds(500))
  }
}
