import Foundation
import TestServers
import Testing
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// Slow clients, throttled accounts and the deadline, in virtual time.
@Suite(.timeLimit(.minutes(10)))
struct BroadcastQueueTests {
  /// The position of the slow connections in the table.
  enum Position: CaseIterable {
    case first, middle, last, spread

    func numbers(_ slow: Int, of count: Int) -> Set<String> {
      let range =
        switch self {
        case .first: Array(0..<slow)
        case .middle: Array((count - slow) / 2..<(count + slow) / 2)
        case .last: Array(count - slow..<count)
        case .spread: (0..<slow).map { $0 * count / slow }
        }
      return Set(range.map { "c\($0)" })
    }
  }

  @Test(
    "Slow clients prolong a broadcast by at most half, and all other clients are reached",
    arguments: Position.allCases, [1, 64, 200])
  func slowClients(position: Position, slow: Int) {
    for latency in [Duration.zero, .milliseconds(1), .milliseconds(5), .milliseconds(20), .milliseconds(60)] {
      let simulation = BroadcastSimulation(latency: latency)
      let baseline = simulation.run { _, _, _ in 200 }
      let slowIDs = position.numbers(slow, of: simulation.count)
      let result = simulation.run { id, _, _ in slowIDs.contains(id) ? 429 : 200 }
      #expect(result.report.isSuccess)
      #expect((result.report.reached, result.report.slow) == (1000 - slow, slow), "\(latency)")
      #expect(result.delivered.values.allSatisfy { $0 == 1 })
      #expect(result.time <= baseline.time * 1.5, "\(latency): \(result.time) instead of \(baseline.time)")
      #expect(result.attempts.values.allSatisfy { $0 <= 4 })
    }
  }

  @Test("A client that reads again during the later rounds is reached")
  func recoveringClients() {
    let result = BroadcastSimulation().run { id, attempt, _ in id.hasSuffix("7") && attempt == 1 ? 429 : 200 }
    #expect((result.report.reached, result.report.slow) == (1000, 0))
  }

  @Test("Clients that do not read are slow, not failures, in a small room too", arguments: [1, 2, 19])
  func smallRoom(count: Int) {
    let result = BroadcastSimulation(count: count).run { _, _, _ in 429 }
    #expect((result.report.slow, result.report.isSuccess) == (count, true))
    #expect(result.time < .seconds(2))
    #expect(result.attempts.values.allSatisfy { $0 == 4 })
  }

  // MARK: - Throttled accounts

  /// A token bucket: a number of posts a second, with a burst.
  private final class TokenBucket {
    private let rate: Double
    private let burst: Double
    private var tokens: Double
    private var last = Duration.zero

    init(rate: Double, burst: Double) {
      self.rate = rate
      self.burst = burst
      tokens = burst
    }

    func admit(at time: Duration) -> Bool {
      tokens = min(burst, tokens + (time - last) / .seconds(1) * rate)
      last = time
      guard tokens >= 1 else { return false }
      tokens -= 1
      return true
    }
  }

  @Test(
    "Posts to a throttled account follow its quota until every connection is reached",
    arguments: [
      (1000, 500.0, 10.0), (2000, 1000, 500), (3000, 2500, 1250), (5000, 10_000, 2000), (500, 100, 100),
    ])
  func throttledAccount(count: Int, rate: Double, burst: Double) {
    for latency in [Duration.zero, .milliseconds(20)] {
      let simulation = BroadcastSimulation(count: count, latency: latency)
      let bucket = TokenBucket(rate: rate, burst: burst)
      let result = simulation.run { _, _, time in bucket.admit(at: time) ? 200 : 429 }
      #expect((result.report.reached, result.report.slow) == (count, 0), "\(latency) \(result.report.slow)")
      #expect(result.report.isSuccess)
      // The rate approaches the quota without flooding the service.
      let unlimited = Double(count) * (max(simulation.cost, latency / simulation.concurrency) / .seconds(1))
      let least = max((Double(count) - burst) / rate, unlimited)
      #expect(result.time < .seconds(least * 2 + 1), "\(latency): \(result.time) for \(least) s")
      #expect(result.attempts.values.reduce(0, +) < count * 4, "\(latency)")
    }
  }

  @Test("Every connection is reached under a quota per fixed second", arguments: [50, 200, 400])
  func fixedWindow(limit: Int) {
    var (window, used) = (0, 0)
    let result = BroadcastSimulation().run { _, _, time in
      let current = Int(time / .seconds(1))
      if current != window { (window, used) = (current, 0) }
      used += 1
      return used <= limit ? 200 : 429
    }
    #expect((result.report.reached, result.report.slow) == (1000, 0))
  }

  @Test("A throttle that ends before the deadline delays posts and fails none", arguments: [0.3, 1, 5])
  func initialThrottle(seconds: Double) {
    let result = BroadcastSimulation().run { _, _, time in time < .seconds(seconds) ? 429 : 200 }
    #expect((result.report.reached, result.report.isSuccess) == (1000, true))
    #expect(result.time < .seconds(seconds + 2))
  }

  @Test("An account throttled until the deadline is a failure with the service's code")
  func throttledToDeadline() {
    let simulation = BroadcastSimulation(deadline: .seconds(2))
    let result = simulation.run { _, _, _ in 429 }
    #expect(!result.report.isSuccess)
    #expect((result.report.reached, result.report.slow) == (0, 0))
    #expect(result.report.failed + result.report.notTried == 1000)
    #expect((result.report.failures["LimitExceededException"] ?? 0) > 400)
    // Probes, not a flood.
    #expect(result.attempts.values.reduce(0, +) < 1500)

    // The quota admits less than half of the table before the deadline.
    let bucket = TokenBucket(rate: 200, burst: 50)
    let partial = simulation.run { _, _, time in bucket.admit(at: time) ? 200 : 429 }
    #expect(!partial.report.isSuccess)
    #expect(partial.report.reached > 300)
    #expect(partial.report.reached + partial.report.failed + partial.report.notTried == 1000)
  }

  @Test("Slow clients of a throttled account are counted as slow")
  func slowAndThrottled() {
    let bucket = TokenBucket(rate: 1000, burst: 100)
    let slow = Position.spread.numbers(50, of: 2000)
    let result = BroadcastSimulation(count: 2000).run { id, _, time in
      bucket.admit(at: time) && !slow.contains(id) ? 200 : 429
    }
    #expect((result.report.reached, result.report.slow) == (1950, 50))
    #expect(result.time < .seconds(8))
  }

  @Test("Slow clients beyond the bound of the queue are counted, and all others are reached")
  func manySlowClients() {
    let result = BroadcastSimulation(count: 6000).run { id, _, _ in
      Int(id.dropFirst()).map { $0 % 5 } == 0 ? 429 : 200
    }
    #expect((result.report.reached, result.report.slow, result.report.failed) == (4800, 1200, 0))
  }

  // MARK: - Second chances, deadline, pages

  @Test("A connection that did not answer is retried once, then fails")
  func secondChance() {
    let result = BroadcastSimulation(count: 100).run { id, attempt, _ in
      switch id {
      case "c7": 504
      case "c8": attempt == 1 ? 504 : 200
      default: 200
      }
    }
    #expect((result.report.reached, result.report.failed) == (99, 1))
    #expect(result.attempts["c7"] == 2)
  }

  @Test("A second chance comes before the deadline", arguments: [0.1, 0.6, 5])
  func secondChanceBeforeDeadline(seconds: Double) {
    let simulation = BroadcastSimulation(count: 1, deadline: .seconds(seconds))
    let result = simulation.run { _, attempt, _ in attempt == 1 ? 504 : 200 }
    #expect((result.report.reached, result.report.isSuccess) == (1, true))
    #expect(result.time < .seconds(min(seconds, 1.1)))
  }

  @Test("At the deadline, posts in flight fail, and rows that were read count as not tried")
  func deadline() {
    let simulation = BroadcastSimulation(
      count: 300, concurrency: 10, latency: .seconds(60), deadline: .milliseconds(300), pageSize: 100)
    let report = simulation.run { _, _, _ in 200 }.report
    #expect(report.failures == ["DeadlineExceeded": 10])
    // Two pages were read: one is posted, one is fetched ahead.
    #expect((report.reached, report.notTried) == (0, 190))
    #expect(report.readError is DeadlineExceeded)
    #expect(!report.isSuccess)
  }

  @Test("Every row is counted exactly once, for random responses and deadlines", arguments: 0..<30)
  func randomAnswers(seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed))
    let simulation = BroadcastSimulation(
      count: Int.random(in: 0...800, using: &generator), concurrency: Int.random(in: 1...128, using: &generator),
      latency: .milliseconds(Int.random(in: 0...30, using: &generator)),
      deadline: .milliseconds(Int.random(in: 1...3000, using: &generator)),
      pageSize: Int.random(in: 1...500, using: &generator))
    let weights = [
      200: Int.random(in: 1...20, using: &generator), 410: 2, 429: Int.random(in: 0...20, using: &generator), 504: 1,
      403: 1,
    ]
    let answers = weights.sorted { $0.key < $1.key }.flatMap { Array(repeating: $0.key, count: $0.value) }
    let result = simulation.run { _, _, _ in answers.randomElement(using: &generator) ?? 200 }
    let report = result.report
    let counted = report.reached + report.gone + report.slow + report.failed + report.notTried
    if report.readError == nil { #expect(counted == simulation.count) } else { #expect(counted <= simulation.count) }
    #expect(result.delivered.values.allSatisfy { $0 == 1 })
    #expect(result.delivered.count == report.reached)
    #expect(result.time <= simulation.deadline + .milliseconds(200))
  }

  @Test("A cycle of page keys of any length ends the reading", arguments: [1, 2, 3, 7])
  func repeatedKeys(length: Int) {
    let now = ContinuousClock.now
    var queue = BroadcastQueue(deadline: now + .seconds(9), now: now, date: Date())
    var posted: [String] = []
    var pages = 0
    while !queue.plan(now: now).isDone, pages <= length + 1 {
      if queue.nextPage(now: now) != nil {
        pages += 1
        queue.record(
          .success(ConnectionPage([.old("row\(pages)")], next: "key\(pages % length)")), now: now)
      }
      while let post = queue.next(now: now) {
        posted.append(post.connection.connectionID)
        queue.record(.reached, of: post, now: now)
      }
    }
    let report = queue.finish(now: now)
    #expect(report.readError is RepeatedPageKey)
    #expect(pages == length + 1)
    #expect(posted == (1...length + 1).map { "row\($0)" })
  }
}
