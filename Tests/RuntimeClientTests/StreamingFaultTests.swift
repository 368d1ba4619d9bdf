import Foundation
import HTTP
import RuntimeClient
import Synchronization
import TestServers
import TestSupport
import Testing

/// Streamed responses on a socket, if the service or the handler fails in the middle.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct StreamingFaultTests {
  /// Starts an emulator that calls `observe` for each chunk of the first response.
  private func emulator(
    timeout: TimeInterval = 600, observe: @escaping RuntimeAPIEmulator.Observation
  ) throws -> RuntimeAPIEmulator {
    try RuntimeAPIEmulator(
      [.init("a", timeout: timeout), .init("b")],
      observe: { call, progress in
        if case .end = progress { return nil }
        return call == .response("a") ? observe(call, progress) : nil
      })
  }

  /// Writes without end in invocation `a`, and little in others. Keeps the error of the writes.
  private func endless(_ error: Recorded) -> Runtime.StreamingHandler {
    { _, response, context in
      guard context.requestID == "a" else { return try await response.write("next") }
      do {
        while true { try await response.write([UInt8](repeating: 0x61, count: 10_000)) }
      } catch let failure {
        error.value.withLock { $0 = failure }
        throw failure
      }
    }
  }

  private final class Recorded: Sendable {
    let value = Mutex<(any Error)?>(nil)
  }

  @Test(
    "A status before the end ends the writes, is logged, and costs the next invocation nothing", arguments: [400, 413])
  func refused(status: Int) async throws {
    let error = Recorded()
    let emulator = try emulator { _, _ in RuntimeAPIEmulator.errorReply(status, "Refused", "No more.") }
    let harness = try RuntimeHarness(emulator, streaming: endless(error))
    #expect(await emulator.answers(count: 1).map(\.call) == [.response("b")])
    let expected = RuntimeError.status(status, call: "response", message: "Refused: No more.")
    #expect(error.value.withLock { $0 as? RuntimeError } == expected)
    #expect(harness.log.contains { $0.contains("\ta\tERROR\tThe invocation's answer was not accepted.") })
    // The failed response is not followed by an error: the service accepts nothing further.
    #expect(!emulator.calls.contains(.error("a")))
  }

  @Test("A refusal reaches a handler that waits between two writes")
  func refusedWhileIdle() async throws {
    let emulator = try emulator { _, _ in Reply(413) }
    let wrote = Mutex(0)
    let harness = try RuntimeHarness(
      emulator,
      streaming: { _, response, context in
        try await response.write("1")
        guard context.requestID == "a" else { return }
        // During the loop the transfer is paused; afterwards it has ended.
        for _ in 0..<10_000 {
          try await Task.sleep(for: .milliseconds(5))
          try await response.write("2")
          wrote.withLock { $0 += 1 }
        }
      })
    #expect(await emulator.answers(count: 1).map(\.call) == [.response("b")])
    #expect(wrote.withLock { $0 } < 10_000)
    #expect(harness.log.contains { $0.contains("HTTP 413") })
  }

  @Test("A broken sandbox ends the loop")
  func brokenSandbox() async throws {
    let harness = try RuntimeHarness(try emulator { _, _ in Reply(500) }, streaming: endless(Recorded()))
    let error = await #expect(throws: RuntimeError.self) { try await harness.finish() }
    #expect(error?.isFatal == true)
  }

  @Test(
    "A connection that the service ends in mid-stream ends the writes, and costs the next invocation nothing",
    arguments: [Reply.Fault.reset(after: 0), .close(after: 0), .close(after: 20)])
  func lostConnection(fault: Reply.Fault) async throws {
    let error = Recorded()
    let emulator = try emulator { _, _ in Reply(202).with(fault) }
    let harness = try RuntimeHarness(emulator, streaming: endless(error))
    #expect(await emulator.answers(count: 1).map(\.call) == [.response("b")])
    guard case .transport? = error.value.withLock({ $0 as? RuntimeError }) else {
      Issue.record("\(String(describing: error.value.withLock { $0 }))")
      return
    }
    #expect(harness.log.contains { $0.contains("\ta\tERROR\tThe invocation's answer was not accepted.") })
  }

  @Test("A service that stops reading holds the writer, and the process no longer than the deadline")
  func stalled() async throws {
    let error = Recorded()
    let emulator = try emulator(timeout: 2) { _, _ in Reply(202).with(.stall) }
    let harness = try RuntimeHarness(emulator, streaming: endless(error))
    #expect(await emulator.answers(count: 1).map(\.call) == [.response("b")])
    #expect(error.value.withLock { $0 is CancellationError })
    #expect(harness.log.contains { $0.contains("\ta\tERROR\tThe invocation failed.") })
    #expect(harness.log.contains { $0.contains("\ta\tERROR\tThe invocation's answer was not accepted.") })
  }

  @Test("The deadline in mid-stream ends the response with a trailer, before the deadline", arguments: [true, false])
  func deadline(handlerObeys: Bool) async throws {
    let arrival = Mutex<Date?>(nil)
    let deadline = Mutex<Date?>(nil)
    let events: [RuntimeAPIEmulator.Event] = [.init("a", timeout: 3), .init("b")]
    let emulator = try RuntimeAPIEmulator(
      events,
      observe: { call, progress in
        if call == .response("a"), progress == .end(isWhole: true) { arrival.withLock { $0 = Date() } }
        return nil
      })
    let ended = Mutex(false)
    let lateError = Recorded()
    let harness = try RuntimeHarness(
      emulator,
      streaming: { _, response, context in
        guard context.requestID == "a" else { return try await response.write("\(ended.withLock { $0 })") }
        deadline.withLock { $0 = context.deadline }
        try await response.write("half")
        try? await Task.sleep(for: .seconds(60))
        if !handlerObeys {
          // A detached task is not cancelled with the handler; its writes fail.
          let error = await Task.detached { () -> (any Error)? in
            try? await Task.sleep(for: .milliseconds(500))
            do { try await response.write("late") } catch { return error }
            return nil
          }.value
          lateError.value.withLock { $0 = error }
        }
        ended.withLock { $0 = true }
      })
    let answers = await harness.emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.response("a"), .response("b")])
    #expect(answers.first?.text == "half")
    #expect(answers.first?.streamError?.type == "Function.DeadlineExceeded")
    #expect(answers.first?.streamError?.body.contains("shortly before the invocation's deadline") == true)
    let (arrived, due) = (try #require(arrival.withLock { $0 }), try #require(deadline.withLock { $0 }))
    #expect(arrived < due)
    // The next invocation is not taken while the last handler is still at work.
    #expect(answers.last?.text == "true")
    #expect(lateError.value.withLock { $0 == nil } == handlerObeys)
  }

  @Test("The deadline before the first byte is a function error, and a later write fails")
  func deadlineBeforeFirstByte() async throws {
    let lateError = Recorded()
    let harness = try RuntimeHarness(
      RuntimeAPIEmulator([.init("a", timeout: 1), .init("b")]),
      streaming: { _, response, context in
        guard context.requestID == "a" else { return try await response.write("next") }
        let error = await Task.detached { () -> (any Error)? in
          try? await Task.sleep(for: .milliseconds(1500))
          do { try await response.write("late") } catch { return error }
          return nil
        }.value
        lateError.value.withLock { $0 = error }
      })
    let answers = await harness.emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.error("a"), .response("b")])
    #expect(try answers.first?.error().errorType == "Function.DeadlineExceeded")
    #expect(lateError.value.withLock { $0 is CancellationError })
  }

  @Test("On shutdown, the stream in flight is completed")
  func shutDown() async throws {
    let emulator = try RuntimeAPIEmulator()
    var chunks = emulator.chunks(of: "a").makeAsyncIterator()
    let harness = try RuntimeHarness(
      emulator,
      streaming: { _, response, _ in
        try await response.write("1")
        try await Task.sleep(for: .milliseconds(300))
        try await response.write("2")
      })
    emulator.serve(.init("a"))
    #expect(await chunks.next() == Array("1".utf8))
    harness.shutDown()
    try await harness.finish()
    #expect(emulator.answers.map(\.text) == ["12"])
  }

  @Test("Memory stays flat while 200 MB are streamed")
  func memory() async {
    await #expect(processExitsWith: .success) {
      let emulator = try RuntimeAPIEmulator([.init("warm-up", "1"), .init("a", "3200")], maximumBodyBytes: 0)
      setenv("AWS_LAMBDA_RUNTIME_API", emulator.address, 1)
      let before = Mutex(0)
      Thread.detachNewThread {
        while emulator.answers.count < 2 {
          if emulator.answers.count == 1, before.withLock({ $0 == 0 }) { before.withLock { $0 = peakKB() } }
          Thread.sleep(forTimeInterval: 0.002)
        }
        let isWhole = emulator.answers.last?.request.bodyLength == 3200 * 65_536
        let growth = peakKB() - before.withLock { $0 }
        print("The peak of memory grew by \(growth) KB.")
        _exit(isWhole && growth < 32_768 ? 0 : 3)
      }
      Lambda.run { (count: Int, response: ResponseStream, _: InvocationContext) in
        for number in 0..<count {
          try await response.write([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 65_536))
        }
      }
      @Sendable func peakKB() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
      }
    }
  }
}
