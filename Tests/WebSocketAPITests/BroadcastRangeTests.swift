import Foundation
import TestServers
import Testing
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// Broadcasts to a range: the rate, retries during the pass and the checkpoint, in virtual time.
@Suite(.timeLimit(.minutes(10)))
struct BroadcastRangeTests {
  private typealias Simulation = BroadcastSimulation

  private func simulation(count: Int = 10_000, rate: Double = 1000, deadline: Double = 890) -> BroadcastSimulation {
    var simulation = BroadcastSimulation(count: count, deadline: .seconds(deadline))
    simulation.rate = { _ in rate }
    return simulation
  }

  /// Expects the responses of each whole second but the first to be a rate, within 2 % and the one at the boundary.
  private func expectRate(_ result: BroadcastSimulation.Result, _ rate: (_ second: Int) -> Double) {
    var counts: [Int: Int] = [:]
    for time in result.responses { counts[Int(time / .seconds(1)), default: 0] += 1 }
    for second in 1..<max(1, Int(result.time / .seconds(1)) - 1) {
      let error = abs(Double(counts[second] ?? 0) - rate(second))
      #expect(error <= rate(second) * 0.02 + 1, "second \(second): \(counts[second] ?? 0) instead of \(rate(second))")
    }
  }

  // MARK: - The rate

  @Test("The rate is kept within 2 %", arguments: [40.0, 333, 1000, 2500], [0.001, 0.02])
  func rate(rate: Double, latency: Double) {
    var simulation = simulation(count: Int(rate * 10), rate: rate)
    simulation.latency = .seconds(latency)
    let result = simulation.run { _, _, _ in 200 }
    #expect(result.report.reached == simulation.count)
    #expect(result.report.isComplete)
    expectRate(result) { _ in rate }
    #expect(abs(result.time / .seconds(1) - 10) <= 0.2, "\(result.time)")
  }

  @Test("A rate that changes applies from then on")
  func changingRate() {
    let rates = [1000.0, 500, 500, 2000, 100, 100, 1500, 50, 50, 800]
    func rate(_ second: Int) -> Double { rates[second % rates.count] }
    var simulation = simulation(count: 12_000)
    simulation.rate = rate
    let result = simulation.run { _, _, _ in 200 }
    #expect(result.report.reached == simulation.count)
    var counts: [Int: Int] = [:]
    // The responses of a second belong to the posts of 20 ms before.
    for time in result.responses { counts[Int((time - simulation.latency) / .seconds(1)), default: 0] += 1 }
    for second in 0..<Int(result.time / .seconds(1)) - 1 {
      // The posts that were scheduled before the change: up to 10 ms of the previous rate.
      let scheduled = 0.01 * (second > 0 ? rate(second - 1) : 0)
      let error = abs(Double(counts[second] ?? 0) - rate(second))
      #expect(error <= rate(second) * 0.02 + 1 + scheduled, "second \(second): \(counts[second] ?? 0)")
    }
  }

  @Test(
    "A rate of any value is limited to one that can be scheduled",
    arguments: [0, -1, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude] as [Double])
  func invalidRate(rate: Double) {
    var simulation = simulation(count: 20)
    simulation.rate = { $0 == 1 ? rate : 10 }
    let result = simulation.run { _, _, _ in 200 }
    #expect(result.report.reached == 20)
    #expect(result.time < .seconds(4))
  }

  @Test("Expired rows do not use the rate")
  func expiredRows() {
    var simulation = simulation(count: 5000, rate: 1000)
    simulation.expired = 500..<4500
    let result = simulation.run { _, _, _ in 200 }
    #expect((result.report.reached, result.report.expired) == (1000, 4000))
    #expect(result.report.servedThrough == "c4999")
    #expect(result.time < .seconds(1.1))
  }

  // MARK: - Throttled accounts and slow clients

  @Test("Slow clients are retried during the pass: they add less than a second to it")
  func slowClients() {
    let result = simulation().run { id, _, _ in id.hasSuffix("77") ? 429 : 200 }
    #expect((result.report.reached, result.report.slow) == (9900, 100))
    #expect(result.report.isComplete)
    #expect(result.attempts.values.allSatisfy { $0 <= 6 })
    // Each slow client costs at least four posts.
    #expect(result.time < .seconds(10 + 0.3 + 0.1 + 0.9), "\(result.time)")
    expectNoLateResponses(result)
  }

  @Test("An account throttled to half in the middle of the pass delays posts, and everyone is reached")
  func throttledInTheMiddle() {
    for (rate, quota) in [(500.0, 250.0), (500, 350), (250, 125), (250, 160)] {
      var generator = SplitMix64(seed: 7)
      let simulation = simulation(count: Int(rate * 20), rate: rate)
      var tokens = 0.0
      var last = Duration.zero
      let result = simulation.run { id, _, time in
        if id.hasSuffix("77") { return 429 }
        if Int.random(in: 0..<1000, using: &generator) < 2 { return 504 }
        tokens = min(quota / 4, tokens + (time - last) / .seconds(1) * quota)
        last = time
        guard (Duration.seconds(5)..<Duration.seconds(15)).contains(time) else { return 200 }
        guard tokens >= 1 else { return 429 }
        tokens -= 1
        return 200
      }
      let slow = simulation.count / 100
      #expect((result.report.reached, result.report.slow) == (simulation.count - slow, slow), "\(rate) \(quota)")
      #expect(result.report.isComplete)
      // Ten seconds at the rate, ten at the quota, and the rest at the rate.
      let least = 20 + 10 * (rate - quota) / rate
      #expect(result.time < .seconds(least * 1.15 + 1), "\(rate), \(quota): \(result.time) of at least \(least) s")
      expectNoLateResponses(result)
    }
  }

  @Test("An account that refuses everything for seconds delays posts, and everyone is reached", arguments: [0, 3, 9.7])
  func outage(start: Double) {
    let result = simulation().run { _, _, time in
      (.seconds(start)..<Duration.seconds(start + 5)).contains(time) ? 429 : 200
    }
    #expect((result.report.reached, result.report.slow) == (10_000, 0))
    #expect(result.time < .seconds(20), "\(result.time)")
    expectNoLateResponses(result)
  }

  @Test("A rate that rises after a throttle is used")
  func raisedAfterThrottle() {
    var simulation = simulation(count: 20_000)
    simulation.rate = { $0 < 8 ? 500 : 2000 }
    let result = simulation.run { _, attempt, time in
      (.seconds(2)..<Duration.seconds(4)).contains(time) && attempt % 2 == 1 ? 429 : 200
    }
    #expect(result.report.reached == 20_000)
    #expect(result.time < .seconds(18), "\(result.time)")
  }

  @Test("A range whose clients are all slow ends", arguments: [1, 20, 300])
  func onlySlowClients(count: Int) {
    let result = simulation(count: count).run { _, _, _ in 429 }
    #expect((result.report.slow, result.report.isComplete) == (count, true))
    #expect(result.report.servedThrough == "c\(count - 1)")
  }

  @Test("The queue of refused posts is bounded, and posts that were refused many times make room for others")
  func fullQueue() {
    let count = BroadcastQueue.maximumThrottled + 100
    var now = ContinuousClock.now
    var queue = BroadcastQueue(deadline: now + .seconds(3600), now: now, date: Date(), rate: 1e6)
    #expect(queue.nextPage(now: now) != nil)
    queue.record(.success(ConnectionPage((0..<count).map { .old("c\($0)") }, next: nil)), now: now)
    #expect(queue.nextPage(now: now) == nil)
    let error = AWSError.response(429, "LimitExceededException")
    var (first, most, steps) = (0, 0, 0)
    while first < count, steps < 200_000 {
      steps += 1
      while let post = queue.next(now: now) {
        if post.isFirst { first += 1 }
        queue.record(.throttled(error), of: post, now: now)
      }
      most = max(most, queue.retries?.count ?? 0)
      now += .milliseconds(20)
    }
    #expect((first, most) == (count, BroadcastQueue.maximumThrottled))
    #expect(queue.report.failures.keys.sorted() == ["LimitExceededException"])
    #expect((100...200).contains(queue.report.failed))
  }

  // MARK: - The checkpoint

  /// Expects that no row through a checkpoint was posted to, or answered, after that checkpoint.
  private func expectNoLateResponses(_ result: BroadcastSimulation.Result, from first: Int = 0) {
    var last = Duration.zero
    var row = first
    for checkpoint in result.checkpoints {
      guard let end = Int(checkpoint.servedThrough.dropFirst()) else { continue }
      while row <= end {
        last = max(last, result.lastResponse["c\(row)"] ?? .zero)
        row += 1
      }
      #expect(last <= checkpoint.time, "A row through c\(end) was answered at \(last), after \(checkpoint.time)")
    }
  }

  /// A service and simulation of random properties.
  private func random(seed: Int) -> (simulation: BroadcastSimulation, service: BroadcastSimulation.Service) {
    let generator = Generator(seed: UInt64(seed))
    func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator.random) }
    var simulation = simulation(
      count: draw(0...3000), rate: Double(draw(50...3000)), deadline: draw(0...1) == 0 ? 890 : Double(draw(1...8)))
    simulation.concurrency = draw(1...128)
    simulation.latency = .milliseconds(draw(0...30))
    simulation.pageSize = draw(1...500)
    let delay = draw(0...200)
    simulation.delay = { .milliseconds(draw(0...delay)) }
    let (slow, resets, gone) = (draw(0...30), draw(0...30), draw(0...30))
    let quota = draw(0...1) == 0 ? 1 : Double(draw(20...100)) / 100
    let throttle = Duration.seconds(draw(0...3))..<Duration.seconds(draw(3...6))
    return (
      simulation,
      { id, _, time in
        // A client is slow or gone in each broadcast.
        let hash = (Int(id.dropFirst()) ?? 0) &* 7919 % 1000
        if hash < slow { return 429 }
        if hash >= 1000 - gone { return 410 }
        if throttle.contains(time), Double(draw(1...1000)) / 1000 > quota { return 429 }
        return draw(1...1000) <= resets ? 504 : 200
      }
    )
  }

  private final class Generator {
    var random: SplitMix64
    init(seed: UInt64) { random = SplitMix64(seed: seed) }
  }

  @Test(
    "The checkpoint never passes a row without a final result, in any order of responses of any kind",
    arguments: 0..<40)
  func checkpoints(seed: Int) {
    let (simulation, service) = random(seed: seed)
    let result = simulation.run(service)
    let report = result.report
    expectNoLateResponses(result)
    let counted = report.reached + report.gone + report.slow + report.failed + report.notTried
    if report.readError == nil { #expect(counted == simulation.count) } else { #expect(counted <= simulation.count) }
    #expect(report.servedThrough == result.checkpoints.last?.servedThrough || !report.isComplete)
    #expect(result.delivered.values.allSatisfy { $0 == 1 })
    #expect(result.delivered.count == report.reached)
    if report.isComplete, simulation.count > 0 { #expect(report.servedThrough == "c\(simulation.count - 1)") }
    // Posts end before the deadline: none is cut off.
    #expect(report.failures["DeadlineExceeded"] == nil)
  }

  @Test(
    "A broadcast that starts at any checkpoint reaches everyone, and repeats only posts since then", arguments: 0..<12)
  func restart(seed: Int) {
    let (simulation, service) = random(seed: seed)
    let result = simulation.run(service)
    let count = simulation.count
    let starts = [nil] + result.checkpoints.map { Optional($0) }
    for checkpoint in [starts.first, starts.randomElement(), starts.last].compactMap({ $0 }) {
      var second = simulation
      second.deadline = .seconds(890)
      second.after = checkpoint?.servedThrough
      let first = (second.after.flatMap { Int($0.dropFirst()) } ?? -1) + 1
      let repeated = second.run { id, _, _ in
        let hash = (Int(id.dropFirst()) ?? 0) &* 7919 % 1000
        return hash < 30 ? 429 : hash >= 970 ? 410 : 200
      }
      expectNoLateResponses(repeated, from: first)
      #expect(repeated.report.isComplete)
      #expect(Set(repeated.attempts.keys) == Set((first..<max(first, count)).map { "c\($0)" }))
      // Everyone before the checkpoint has a final result: no post is left in a queue.
      #expect((0..<first).allSatisfy { result.attempts["c\($0)"] != nil })
    }
  }

  @Test("A restart repeats at most the posts of two seconds, also with slow clients and lost answers")
  func repeatedPosts() {
    var generator = SplitMix64(seed: 3)
    var simulation = simulation(count: 20_000)
    simulation.delay = { .milliseconds(Int.random(in: 0...40, using: &generator)) }
    var random = SplitMix64(seed: 4)
    let result = simulation.run { id, attempt, _ in
      id.hasSuffix("77") ? 429 : Int.random(in: 0..<50, using: &random) == 0 ? 504 : 200
    }
    expectNoLateResponses(result)
    #expect(result.checkpoints.count == 363)
    for checkpoint in result.checkpoints.dropLast() {
      let served = (Int(checkpoint.servedThrough.dropFirst()) ?? 0) + 1
      #expect(checkpoint.delivered - served <= 1100, "\(checkpoint)")
    }
    var last = Duration.zero
    for checkpoint in result.checkpoints {
      #expect(checkpoint.time - last < .seconds(1.5))
      last = checkpoint.time
    }
  }

  @Test("Without time for the whole range, posts in flight end, and the rest is not tried")
  func outOfTime() {
    let result = simulation(deadline: 5).run { _, _, _ in 200 }
    let report = result.report
    #expect(!report.isComplete)
    #expect(report.failed == 0)
    #expect(report.servedThrough == "c\(report.reached - 1)")
    #expect(result.time < .seconds(4.6))
    #expect((4400...4600).contains(report.reached))
    #expect(report.readError is DeadlineExceeded)
  }

  @Test("A broadcast to a whole room has no checkpoint, and is complete if nothing is left")
  func wholeRoom() {
    var simulation = BroadcastSimulation(count: 2500)
    let result = simulation.run { _, _, _ in 200 }
    #expect((result.report.servedThrough, result.report.isComplete) == (nil, true))
    simulation.deadline = .milliseconds(100)
    simulation.latency = .seconds(1)
    #expect(!simulation.run { _, _, _ in 200 }.report.isComplete)
  }

  @Test("Empty pages and an empty range are served")
  func emptyPages() {
    let now = ContinuousClock.now
    let pages = [ConnectionPage([], next: "a"), ConnectionPage([.old("b")], next: "b"), ConnectionPage([], next: nil)]
    var read = 0
    var queue = BroadcastQueue(deadline: now + .seconds(9), now: now, date: Date(), rate: 100)
    while !queue.plan(now: now).isDone {
      if queue.nextPage(now: now) != nil {
        queue.record(.success(pages[read]), now: now)
        read += 1
      }
      while let post = queue.next(now: now) { queue.record(.reached, of: post, now: now) }
    }
    #expect(queue.progress.servedThrough == "b")
    #expect(queue.finish(now: now).isComplete)
    let empty = simulation(count: 0).run { _, _, _ in 200 }
    #expect((empty.report.servedThrough, empty.report.isComplete) == (nil, true))
  }
}
