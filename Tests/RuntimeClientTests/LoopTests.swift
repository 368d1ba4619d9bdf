import Foundation
import HTTP
import RuntimeClient
import Synchronization
import TestServers
import TestSupport
import Testing

/// The loop's order: sequential and concurrent invocations, deadlines, the shutdown.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct LoopTests {
  private struct Mishap: Error {}

  @Test("5,000 invocations in a row, every seventh failing, are all answered once and in order")
  func manyInvocations() async throws {
    let events = (0..<5000).map { RuntimeAPIEmulator.Event("id-\($0)", "\($0)") }
    let harness = try RuntimeHarness(RuntimeAPIEmulator(events)) { payload, _ in
      if let number = Int(String(decoding: payload, as: UTF8.self)), number % 7 == 0 { throw Mishap() }
      return payload
    }
    let answers = await harness.emulator.answers(count: 5000, within: .seconds(600))
    #expect(answers.map(\.call) == (0..<5000).map { $0 % 7 == 0 ? .error("id-\($0)") : .response("id-\($0)") })
  }

  @Test("Polls for the next invocation only after the previous one is answered")
  func oneAtATime() async throws {
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("a"), .init("b")])) { _, _ in
      try await Task.sleep(for: .milliseconds(100))
      return []
    }
    _ = await harness.emulator.answers(count: 2)
    #expect(harness.emulator.calls.prefix(4) == [.next, .response("a"), .next, .response("b")])
  }

  @Test("Runs as many invocations side by side as configured")
  func sideBySide() async throws {
    struct Count { var now = 0, most = 0 }
    let count = Mutex(Count())
    let events = (0..<24).map { RuntimeAPIEmulator.Event("id-\($0)") }
    let harness = try RuntimeHarness(RuntimeAPIEmulator(events), concurrency: 8) { _, _ in
      count.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      try await Task.sleep(for: .milliseconds(100))
      count.withLock { $0.now -= 1 }
      return []
    }
    let answers = await harness.emulator.answers(count: 24)
    #expect(Set(answers.map(\.request.target)).count == 24)
    #expect(count.withLock { $0.most } == 8)
  }

  @Test("Cancels the handler shortly before the deadline, reports it and continues", arguments: [true, false])
  func deadline(handlerObeys: Bool) async throws {
    let ended = Mutex(false)
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("slow", timeout: 1), .init("next")])) { _, context in
      guard context.requestID == "slow" else { return Array("\(ended.withLock { $0 })".utf8) }
      do {
        try await Task.sleep(for: .seconds(30))
      } catch {
        #expect(Task.isCancelled)
        // A handler that ignores its cancellation: a detached task is not cancelled with it.
        if !handlerObeys { await Task.detached { try? await Task.sleep(for: .milliseconds(500)) }.value }
      }
      ended.withLock { $0 = true }
      return []
    }
    let answers = await harness.emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.error("slow"), .response("next")])
    let error = try #require(try answers.first?.error())
    #expect(error.errorType == "Function.DeadlineExceeded")
    let time = try #require(error.errorMessage.firstMatch(of: /cancelled after (\d+) ms/)?.1)
    #expect((500..<10_000).contains(try #require(Int(time))))
    // The next invocation is not taken while the last handler is still at work.
    #expect(answers.last?.text == "true")
  }

  @Test("Without a deadline, the handler gets the longest timeout of the earlier invocations")
  func estimatedDeadline() async throws {
    let events: [RuntimeAPIEmulator.Event] = [
      .init("known", timeout: 1), .init("unknown", headers: ["Lambda-Runtime-Deadline-Ms": ""]),
    ]
    let harness = try RuntimeHarness(RuntimeAPIEmulator(events)) { payload, context in
      if context.requestID == "unknown" { try await Task.sleep(for: .seconds(60)) }
      return payload
    }
    let answers = await harness.emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.response("known"), .error("unknown")])
    #expect(try answers.last?.error().errorType == "Function.DeadlineExceeded")
  }

  @Test("On shutdown, an idle loop ends without another call")
  func shutDownWhileIdle() async throws {
    let harness = try RuntimeHarness(RuntimeAPIEmulator())
    _ = await harness.emulator.calls(count: 1)
    let start = ContinuousClock.now
    harness.shutDown()
    try await harness.finish()
    #expect(start.duration(to: .now) < .seconds(60))
    #expect(harness.emulator.calls == [.next])
  }

  @Test("On shutdown, finishes the invocation in flight and takes no other")
  func shutDownWhileBusy() async throws {
    let started = Mutex(false)
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("a"), .init("b")])) { _, _ in
      started.withLock { $0 = true }
      try await Task.sleep(for: .milliseconds(300))
      return Array("done".utf8)
    }
    while !started.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
    harness.shutDown()
    try await harness.finish()
    #expect(harness.emulator.calls == [.next, .response("a")])
    #expect(harness.emulator.answers.map(\.text) == ["done"])
  }
}
