import EventLoop
import Foundation
import HTTP
import Synchronization
import TestServers
import TestSupport
import Testing

/// Concurrent requests with faults, timeouts and cancellations.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct StressTests {
  /// The delay, fault, timeout and cancellation of one request.
  private struct Plan {
    let fault: Reply.Fault?
    let delay: Duration
    let timeout: Duration?
    let cancelledAfter: Duration?

    init(using random: inout SplitMix64) {
      let faults: [Reply.Fault?] = [
        .stall, .trickle(bytes: 20, pause: .milliseconds(2)), .closeWhenIdle, .reset(after: 20), nil, nil, nil, nil,
      ]
      func time(_ milliseconds: ClosedRange<Int>) -> Duration {
        .milliseconds(Int.random(in: milliseconds, using: &random))
      }
      fault = faults.randomElement(using: &random) ?? nil
      delay = time(0...5)
      timeout = fault == .stall || Bool.random(using: &random) ? time(1...200) : nil
      cancelledAfter = Int.random(in: 0..<3, using: &random) == 0 ? time(0...50) : nil
    }

    func allows(_ result: Result<HTTPResponse, any Error>, number: Int) -> Bool {
      switch result {
      case .success(let response): fault != .stall && response.body == Array("/\(number)".utf8)
      case .failure(is CancellationError): cancelledAfter != nil
      case .failure(let error as HTTPError):
        switch error.reason {
        case .timedOut, .cannotConnect: timeout != nil
        case .connectionLost: fault == .reset(after: 20)
        default: false
        }
      default: false
      }
    }
  }

  private final class Results: Sendable {
    let byNumber = Mutex<[Int: Result<HTTPResponse, any Error>]>([:])
  }

  @Test(
    "800 requests from eight threads, some cancelled, timed out or broken, all end as their plan allows",
    arguments: BodyTransport.allCases, [1, 2, 3] as [UInt64])
  func concurrentFaults(kind: BodyTransport, seed: UInt64) async throws {
    var random = SplitMix64(seed: seed)
    let plans = (0..<800).map { _ in Plan(using: &random) }
    let server = try LoopbackServer { request in
      guard let number = Int(request.target.dropFirst()), plans.indices.contains(number) else { return Reply(200) }
      Thread.sleep(forTimeInterval: plans[number].delay / .seconds(1))
      let reply = Reply(200, text: request.target)
      return plans[number].fault.map(reply.with) ?? reply
    }
    defer { server.stop() }
    let transport = kind.make()
    let results = Results()
    let requests = try plans.indices.map {
      HTTPRequest(method: .get, url: try server.url("/\($0)"), timeout: plans[$0].timeout)
    }
    let loop = EventLoop.current
    for thread in 0..<8 {
      Thread.detachNewThread {
        for number in stride(from: thread, to: plans.count, by: 8) {
          // A third of the tasks on the transport's own thread.
          let task = Task(executorPreference: number.isMultiple(of: 3) ? loop : nil) {
            let result = await Self.result { try await transport.send(requests[number]) }
            results.byNumber.withLock { $0[number] = result }
          }
          guard let time = plans[number].cancelledAfter else { continue }
          DispatchQueue.global().asyncAfter(deadline: .now() + time / .seconds(1)) { task.cancel() }
        }
      }
    }
    let end = ContinuousClock.now + .seconds(300)
    while results.byNumber.withLock({ $0.count }) < plans.count, .now < end {
      try await Task.sleep(for: .milliseconds(10))
    }
    for (number, plan) in plans.enumerated() {
      guard let result = results.byNumber.withLock({ $0[number] }) else {
        Issue.record("seed \(seed): request \(number) never ended: \(plan)")
        continue
      }
      #expect(plan.allows(result, number: number), "seed \(seed), request \(number): \(plan), \(result)")
    }
    let last = try await transport.send(HTTPRequest(method: .get, url: try server.url("/last"), timeout: .seconds(60)))
    #expect(last.status == 200)
  }

  private static func result<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
  }
}
