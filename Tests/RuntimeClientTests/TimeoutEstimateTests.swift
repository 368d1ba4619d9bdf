import Foundation
import Testing

@testable import RuntimeClient

struct TimeoutEstimateTests {
  private let now = Date(timeIntervalSince1970: 1_800_000_000)

  private func header(_ seconds: Double) -> String { "\(Int64((now.timeIntervalSince1970 + seconds) * 1000))" }

  @Test("A deadline ahead is used as it is, to the millisecond", arguments: [0.001, 3, 900, 86_400])
  func usable(seconds: Double) {
    var estimate = TimeoutEstimate()
    let (deadline, problem) = estimate.deadline(header(seconds), now: now)
    #expect(abs(deadline.timeIntervalSince(now) - seconds) < 0.0005)
    #expect(problem == nil)
  }

  @Test(
    "Without a usable deadline or an earlier timeout, the timeout is Lambda's maximum",
    arguments: [
      nil, "", "0", "-5", "12x", "0x10", "1 800", "1.8e12", "1800000000000", "1799999999999", "9223372036854775807",
      "-9223372036854775808", "9223372036854775808", "NaN", "١٢٣",
    ])
  func unusable(header: String?) {
    var estimate = TimeoutEstimate()
    let (deadline, problem) = estimate.deadline(header, now: now)
    #expect(deadline == now.addingTimeInterval(900))
    #expect(problem != nil)
  }

  @Test("The timeout is the longest that an earlier invocation had")
  func longest() {
    var estimate = TimeoutEstimate()
    for seconds in [3.0, 29, 10] { _ = estimate.deadline(header(seconds), now: now) }
    #expect(estimate.deadline(nil, now: now).deadline == now.addingTimeInterval(29))
  }

  @Test("An implausible deadline does not become the timeout")
  func implausible() {
    var estimate = TimeoutEstimate()
    for seconds in [-3.0, 90_000] { _ = estimate.deadline(header(seconds), now: now) }
    _ = estimate.deadline(header(5), now: now)
    #expect(estimate.deadline("0", now: now).deadline == now.addingTimeInterval(5))
    _ = estimate.deadline(header(5000), now: now)
    #expect(estimate.deadline("0", now: now).deadline == now.addingTimeInterval(900))
  }

  @Test("A problem quotes no more of the header than a line can show")
  func quotes() throws {
    var estimate = TimeoutEstimate()
    let problem = try #require(estimate.deadline("\n" + String(repeating: "x", count: 5000), now: now).problem)
    #expect(problem.utf8.count < 120)
    #expect(!problem.contains("\n"))
  }
}
