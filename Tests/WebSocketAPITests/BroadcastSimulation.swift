import Foundation
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// A broadcast in virtual time: the queue with simulated workers and a simulated service.
struct BroadcastSimulation {
  /// The service's status for a post.
  typealias Service = (_ connectionID: String, _ attempt: Int, _ time: Duration) -> Int

  struct Result {
    var report = BroadcastReport()
    var time = Duration.zero
    var attempts: [String: Int] = [:]
    /// The connections that received the message, with their number of copies.
    var delivered: [String: Int] = [:]
    /// Whether the broadcast ended before its deadline.
    var isComplete = false
    /// The time of each response, in order.
    var responses: [Duration] = []
    /// The last response to each connection.
    var lastResponse: [String: Duration] = [:]
    /// The checkpoints whenever they advanced, with the number of connections that had the message then.
    var checkpoints: [(time: Duration, servedThrough: String, delivered: Int)] = []
  }

  var count = 1000
  var concurrency = 64
  /// The time from a post to its response.
  var latency = Duration.milliseconds(20)
  /// The CPU time of a post: responses are processed one after another.
  var cost = Duration.microseconds(30)
  var deadline = Duration.seconds(24)
  var pageSize = 1000
  /// The rate of a broadcast to a range, by the seconds since its start; `nil` for a broadcast to a whole room.
  var rate: ((_ second: Int) -> Double)?
  /// The connection after which a broadcast to a range starts.
  var after: String?
  /// The additional time of a response.
  var delay: (() -> Duration)?
  /// The rows that have expired.
  var expired: Range<Int> = 0..<0

  func run(_ service: Service) -> Result {
    let start = ContinuousClock.now
    let end = start + deadline
    var now = start
    var queue = BroadcastQueue(
      deadline: end, now: now, date: Date(), pages: BroadcastPages(after: after), rate: rate?(0))
    // Sorted by end.
    var inFlight: ArraySlice<(end: ContinuousClock.Instant, post: BroadcastQueue.Post)> = []
    var result = Result()
    var steps = 0
    var second = 0
    while true {
      steps += 1
      precondition(steps < 500_000, "The broadcast makes no progress.")
      if let rate, start.duration(to: now) >= .seconds(second + 1) {
        second += 1
        queue.setRate(rate(second), now: now)
      }
      while let key = queue.nextPage(now: now) { queue.record(.success(page(after: key.connectionID)), now: now) }
      if let servedThrough = queue.progress.servedThrough, servedThrough != result.checkpoints.last?.servedThrough {
        result.checkpoints.append((start.duration(to: now), servedThrough, result.delivered.count))
      }
      let plan = queue.plan(now: now)
      if plan.isDone {
        result.isComplete = !queue.isOver
        break
      }
      var started = 0
      while inFlight.count < concurrency, started < plan.posts, let post = queue.next(now: now) {
        started += 1
        let ended = max(post.start, now) + latency + (delay?() ?? .zero)
        // Usually appended: the post ends last.
        inFlight.insert((ended, post), at: (inFlight.lastIndex { $0.end <= ended } ?? inFlight.startIndex - 1) + 1)
      }
      // A plan that allows posts must start some, or the broadcast would spin.
      precondition(plan.posts == 0 || started > 0 || inFlight.count == concurrency || queue.plan(now: now).posts == 0)
      // To the next response, the time of the plan, or the time at which the shell calls again.
      let lastStart = now < queue.lastStart ? queue.lastStart : nil
      let times = [inFlight.first?.end, plan.wake, lastStart, rate == nil ? nil : start + .seconds(second + 1)]
      now = max(now, min(times.compactMap { $0 }.min() ?? end, end))
      if now >= end {
        queue.stop()
        for (_, post) in inFlight { queue.record(.cutOff, of: post, now: now) }
        break
      }
      while let (ended, post) = inFlight.first, ended <= now {
        inFlight.removeFirst()
        now += cost
        let id = post.connection.connectionID
        let time = start.duration(to: now)
        result.attempts[id, default: 0] += 1
        result.responses.append(time)
        result.lastResponse[id] = time
        let status = service(id, result.attempts[id] ?? 1, time)
        if status == 200 { result.delivered[id, default: 0] += 1 }
        queue.record(Self.outcome(status), of: post, now: now)
      }
    }
    result.report = queue.finish(now: now)
    result.time = start.duration(to: now)
    return result
  }

  private static func outcome(_ status: Int) -> BroadcastQueue.Outcome {
    switch status {
    case 200: .reached
    case 410: .gone(.success(nil))
    case 429: .throttled(AWSError.response(429, "LimitExceededException"))
    case 504: .unsettled(AWSError.response(504, "GatewayTimeout"))
    default: .failed(AWSError.response(status, "Refused"))
    }
  }

  private func page(after key: String?) -> ConnectionPage {
    let first = key.flatMap { Int($0.dropFirst()) }.map { $0 + 1 } ?? 0
    let last = max(first, min(first + pageSize, count))
    return ConnectionPage(
      (first..<last).map {
        Connection(connectionID: "c\($0)", timestamp: nil, expiresAt: expired.contains($0) ? 1 : nil)
      },
      next: last < count ? "c\(last - 1)" : nil)
  }
}
