import Testing

@testable import Log

struct WaitBudgetTests {
  private let start = ContinuousClock.now

  @Test("A line may wait the whole budget, and the next only the rest")
  func spends() {
    var budget = WaitBudget()
    #expect(budget.available(at: start) == WaitBudget.maximum)
    budget.spend(.seconds(2))
    #expect(budget.available(at: start) == .seconds(3))
    budget.spend(.seconds(3))
    #expect(budget.available(at: start) == .zero)
  }

  @Test("A tenth of the elapsed time is added, up to the maximum")
  func refills() {
    var budget = WaitBudget()
    _ = budget.available(at: start)
    budget.spend(WaitBudget.maximum)
    #expect(budget.available(at: start + .seconds(10)) == .seconds(1))
    #expect(budget.available(at: start + .seconds(30)) == .seconds(3))
    #expect(budget.available(at: start + .seconds(9000)) == WaitBudget.maximum)
  }

  @Test("A reader that stays slow delays the process by the maximum plus a tenth of the time")
  func bounded() {
    var budget = WaitBudget()
    var now = start
    var waited = Duration.zero
    while now < start + .seconds(1000) {
      let wait = min(budget.available(at: now), .milliseconds(500))
      budget.spend(wait)
      waited += wait
      now += wait + .milliseconds(10)
    }
    #expect(waited <= .seconds(106))
  }

  @Test("The budget never falls below zero, and an earlier time adds nothing")
  func extremes() {
    var budget = WaitBudget()
    _ = budget.available(at: start)
    budget.spend(.seconds(100))
    #expect(budget.available(at: start - .seconds(50)) == .zero)
  }
}
