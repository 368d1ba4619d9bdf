import EventLoop
import Foundation
import Log
import Synchronization
import TestServers
import TestSupport
import Testing

@testable import RuntimeClient

/// Work that a handler registers to run after its answer.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct WorkAfterResponseTests {
  private struct Mishap: Error, CustomStringConvertible { let description = "No metrics." }

  private final class Steps: Sendable {
    let list = Mutex<[String]>([])
    func add(_ step: String) { list.withLock { $0.append(step) } }
    var all: [String] { list.withLock { $0 } }
  }

  @Test(
    "Runs in order after the answer is accepted and before the next invocation", arguments: ["buffered", "streaming"])
  func order(form: String) async throws {
    let steps = Steps()
    let emulator = try RuntimeAPIEmulator([.init("a"), .init("b")]) { call, _ in
      steps.add("\(call)")
      return nil
    }
    let register: @Sendable (InvocationContext) -> Void = { context in
      guard context.requestID == "a" else { return }
      for number in 1...3 {
        context.afterResponse {
          try await Task.sleep(for: .milliseconds(20))
          steps.add("work \(number)")
        }
      }
      steps.add("handler")
    }
    let harness =
      form == "buffered"
      ? try RuntimeHarness(emulator) { payload, context in
        register(context)
        return payload
      }
      : try RuntimeHarness(
        emulator,
        streaming: { payload, response, context in
          register(context)
          try await response.write(payload)
        })
    _ = await harness.emulator.answers(count: 2)
    let expected = [
      "next", "handler", #"response("a")"#, "work 1", "work 2", "work 3", "next", #"response("b")"#,
    ]
    #expect(steps.all.prefix(8).elementsEqual(expected))
  }

  @Test("Errors are logged and not answered; the other work runs, and work can register more")
  func errors() async throws {
    let steps = Steps()
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("a"), .init("b")])) { payload, context in
      guard context.requestID == "a" else { return payload }
      context.afterResponse { throw Mishap() }
      context.afterResponse { context.afterResponse { steps.add("nested") } }
      throw FunctionError(type: "A", message: "m")
    }
    #expect(await harness.emulator.answers(count: 2).map(\.call) == [.error("a"), .response("b")])
    #expect(steps.all == ["nested"])
    let lines = harness.log.filter { $0.contains("Work after the response failed.") }
    #expect(lines.count == 1)
    #expect(lines.first?.contains("\ta\tERROR\t") == true)
    #expect(lines.first?.contains("No metrics.") == true)
  }

  @Test("Work is cancelled shortly before the deadline, and the rest of it is dropped")
  func deadline() async throws {
    let steps = Steps()
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("a", timeout: 1), .init("b")])) { payload, context in
      guard context.requestID == "a" else { return payload }
      context.afterResponse {
        do { try await Task.sleep(for: .seconds(60)) } catch { steps.add("cancelled") }
      }
      context.afterResponse { steps.add("never") }
      return payload
    }
    #expect(await harness.emulator.answers(count: 2).map(\.call) == [.response("a"), .response("b")])
    #expect(steps.all == ["cancelled"])
    #expect(harness.log.contains { $0.contains("was cancelled, shortly before the invocation's deadline") })
    #expect(harness.log.contains { $0.contains("was dropped") && $0.contains("dropped=1") })
  }

  @Test("After a handler that used all its time, work is dropped with a log line")
  func noTimeLeft() async throws {
    let steps = Steps()
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("a", timeout: 1), .init("b")])) { payload, context in
      guard context.requestID == "a" else { return payload }
      context.afterResponse { steps.add("never") }
      try await Task.sleep(for: .seconds(60))
      return payload
    }
    #expect(await harness.emulator.answers(count: 2).map(\.call) == [.error("a"), .response("b")])
    #expect(steps.all == [])
    #expect(harness.log.contains { $0.contains("\ta\tERROR\tWork after the response was dropped") })
  }

  @Test("Work that is registered after the invocation is refused with a log line")
  func late() async throws {
    let kept = Mutex<InvocationContext?>(nil)
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("a"), .init("b")])) { payload, context in
      kept.withLock { $0 = $0 ?? context }
      return payload
    }
    _ = await harness.emulator.answers(count: 2)
    kept.withLock { $0 }?.afterResponse {}
    #expect(harness.log.contains { $0.contains("\ta\tERROR\tWork after the response was registered after the end") })
  }

  @Test("The work's AWS calls are bounded by the deadline, and on shutdown it is completed")
  func bounded() async throws {
    let seen = Mutex<Duration?>(nil)
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("a", timeout: 60)])) { payload, context in
      context.afterResponse {
        try await Task.sleep(for: .milliseconds(300))
        seen.withLock { $0 = Deadline.remaining(atMost: .seconds(900)) }
      }
      return payload
    }
    _ = await harness.emulator.answers(count: 1)
    harness.shutDown()
    try await harness.finish()
    let remaining = try #require(seen.withLock { $0 })
    #expect(remaining <= .seconds(60))
  }

  @Test("A test of a handler can run its work")
  func testing() async {
    let steps = Steps()
    let context = InvocationContext(logger: Logger(sink: .function { _ in }))
    context.afterResponse { steps.add("work") }
    #expect(steps.all == [])
    await context.runWorkAfterResponse()
    #expect(steps.all == ["work"])
  }
}
