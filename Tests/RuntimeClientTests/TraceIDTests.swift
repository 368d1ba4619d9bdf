import Foundation
import RuntimeClient
import TestServers
import TestSupport
import Testing

/// `_X_AMZN_TRACE_ID` belongs to the whole process, so each of these tests has one of its own.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct TraceIDTests {
  private static var exported: String { getenv("_X_AMZN_TRACE_ID").map { String(cString: $0) } ?? "none" }

  private static let events: [RuntimeAPIEmulator.Event] = [
    .init("traced", headers: ["Lambda-Runtime-Trace-Id": "Root=1-5bef4de7"]), .init("untraced"),
  ]

  @Test("Is set for each invocation and removed when there is none")
  func set() async throws {
    await #expect(processExitsWith: .success) {
      setenv("_X_AMZN_TRACE_ID", "of an earlier invocation", 1)
      let harness = try RuntimeHarness(RuntimeAPIEmulator(Self.events.reversed() + Self.events)) { _, _ in
        Array(Self.exported.utf8)
      }
      let answers = await harness.emulator.answers(count: 4)
      #expect(answers.map(\.text) == ["none", "Root=1-5bef4de7", "Root=1-5bef4de7", "none"])
    }
  }

  @Test("Is not touched where several invocations run side by side; the context has it")
  func concurrent() async throws {
    await #expect(processExitsWith: .success) {
      setenv("_X_AMZN_TRACE_ID", "untouched", 1)
      let harness = try RuntimeHarness(RuntimeAPIEmulator(Self.events), concurrency: 2) { _, context in
        Array("\(Self.exported) \(context.traceID ?? "none")".utf8)
      }
      let answers = await harness.emulator.answers(count: 2)
      #expect(Set(answers.map(\.text)) == ["untouched Root=1-5bef4de7", "untouched none"])
    }
  }
}
