import Foundation
import HTTP
import RuntimeClient
import Synchronization
import TestServers
import TestSupport
import Testing

/// The loop's behaviour when the service violates its contract or the connection fails.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct FaultTests {
  private static let events: [RuntimeAPIEmulator.Event] = [.init("a"), .init("b")]

  /// An emulator that replaces its reply to the first call of a kind.
  private func emulator(
    _ events: [RuntimeAPIEmulator.Event] = events, first call: RuntimeAPIEmulator.Call, gets reply: Reply
  ) throws -> RuntimeAPIEmulator {
    let given = Mutex(false)
    return try RuntimeAPIEmulator(events) { seen, _ in
      guard seen == call else { return nil }
      return given.withLock { given in
        defer { given = true }
        return given ? nil : reply
      }
    }
  }

  @Test(
    "A refused response is logged with the service's message, and the loop continues",
    arguments: [400, 403, 413])
  func refusedResponse(status: Int) async throws {
    let harness = try RuntimeHarness(
      emulator(
        first: .response("a"), gets: RuntimeAPIEmulator.errorReply(status, "SomeReason", "what the service says")))
    let answers = await harness.emulator.answers(count: 1)
    #expect(answers.map(\.call) == [.response("b")])
    // No error for "a": after these statuses the service accepts none.
    #expect(harness.emulator.calls.prefix(4) == [.next, .response("a"), .next, .response("b")])
    let line = try #require(harness.log.first { $0.contains("HTTP \(status)") })
    #expect(line.contains("SomeReason: what the service says"))
    #expect(line.contains("\ta\tERROR\t"))
  }

  @Test("A refused error report is logged, and the loop continues", arguments: [400, 403, 413])
  func refusedError(status: Int) async throws {
    struct Mishap: Error {}
    let emulator = try emulator(
      first: .error("a"), gets: RuntimeAPIEmulator.errorReply(status, "SomeReason", "what the service says"))
    let harness = try RuntimeHarness(emulator) { payload, context in
      if context.requestID == "a" { throw Mishap() }
      return payload
    }
    #expect(await harness.emulator.answers(count: 1).map(\.call) == [.response("b")])
    #expect(harness.log.contains { $0.contains("HTTP \(status)") && $0.contains("what the service says") })
  }

  @Test(
    "A status of 500 and above on any call ends the process", arguments: [500, 503, 599],
    [RuntimeAPIEmulator.Call.next, .response("a"), .error("a")])
  func brokenSandbox(status: Int, call: RuntimeAPIEmulator.Call) async throws {
    struct Mishap: Error {}
    let emulator = try emulator(first: call, gets: RuntimeAPIEmulator.errorReply(status, "Container", "broken"))
    let harness = try RuntimeHarness(emulator) { payload, _ in
      if case .error = call { throw Mishap() }
      return payload
    }
    let error = await #expect(throws: RuntimeError.self) { try await harness.finish() }
    #expect(error?.isFatal == true)
    #expect(error?.description.contains("HTTP \(status): Container: broken") == true)
    #expect(harness.emulator.calls.last == call)
  }

  @Test("A status other than 202 is no success", arguments: [200, 201, 204, 302])
  func otherSuccess(status: Int) async throws {
    let harness = try RuntimeHarness(emulator(first: .response("a"), gets: Reply(status)))
    #expect(await harness.emulator.answers(count: 1).map(\.call) == [.response("b")])
    #expect(harness.log.contains { $0.contains("HTTP \(status)") })
  }

  @Test("A next that keeps failing ends the process after a few attempts", arguments: [400, 403, 404])
  func hopelessNext(status: Int) async throws {
    let emulator = try RuntimeAPIEmulator { call, _ in
      call == .next ? RuntimeAPIEmulator.errorReply(status, "No", "not here") : nil
    }
    let harness = try RuntimeHarness(emulator)
    let error = await #expect(throws: RuntimeError.self) { try await harness.finish() }
    #expect(error == .status(status, call: "next", message: "No: not here"))
    #expect((2...10).contains(harness.emulator.calls.count))
  }

  @Test(
    "A failed next is repeated",
    arguments: [
      Reply(403), Reply(200).with(.reset(after: 0)), Reply(200).with(.close(after: 0)),
      Reply(200).with(.reset(after: 30)),
      Reply(200, text: "0123456789").with(.close(after: 45)),
    ])
  func unsteadyNext(reply: Reply) async throws {
    let harness = try RuntimeHarness(emulator(first: .next, gets: reply))
    #expect(await harness.emulator.answers(count: 2).map(\.call) == [.response("a"), .response("b")])
    #expect(harness.log.contains { $0.contains("\tWARN\t") })
  }

  @Test(
    "An answer without an acknowledgement is sent again on a new connection",
    arguments: [Reply.Fault.reset(after: 0), .close(after: 0), .reset(after: 20)])
  func lostAcknowledgement(fault: Reply.Fault) async throws {
    let harness = try RuntimeHarness(emulator(first: .response("a"), gets: RuntimeAPIEmulator.accepted.with(fault)))
    #expect(await harness.emulator.answers(count: 2).map(\.call) == [.response("a"), .response("b")])
    let posts = harness.emulator.requests.filter { $0.target.hasSuffix("/a/response") }
    #expect(posts.count >= 2)
    #expect(posts.first?.connection != posts.last?.connection)
  }

  @Test("An answer that is never acknowledged is abandoned after a few attempts")
  func hopelessResponse() async throws {
    let emulator = try RuntimeAPIEmulator(Self.events) { call, _ in
      call == .response("a") ? Reply(202).with(.reset(after: 0)) : nil
    }
    let harness = try RuntimeHarness(emulator)
    #expect(await harness.emulator.answers(count: 1).map(\.call) == [.response("b")])
    let posts = harness.emulator.calls.filter { $0 == .response("a") }.count
    #expect((2...6).contains(posts))
    #expect(harness.log.contains { $0.contains("\ta\tERROR\tThe invocation's answer was not accepted.") })
  }

  @Test(
    "An unusable deadline costs one warning: the handler runs and its answer is sent",
    arguments: ["", "abc", "0", "-1", "1e3", "1.5", "1", "99999999999999999999999", "9223372036854775807"])
  func unusableDeadline(deadline: String) async throws {
    var odd = RuntimeAPIEmulator.Event("odd", "payload")
    odd.headers["Lambda-Runtime-Deadline-Ms"] = deadline
    let harness = try RuntimeHarness(RuntimeAPIEmulator([odd, .init("b")])) { payload, context in
      #expect(context.remainingTime > .seconds(1))
      return payload
    }
    let answers = await harness.emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.response("odd"), .response("b")])
    #expect(answers.first?.text == "payload")
    let warnings = harness.log.filter { $0.contains("WARN") }
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("\todd\tWARN\tLambda-Runtime-Deadline-Ms is ") == true)
  }

  @Test(
    "An invocation without a usable id ends the loop at once",
    arguments: ["", "../../init/error", "a/b", "a?b", "a b", "ü", String(repeating: "x", count: 200)])
  func malformedID(id: String) async throws {
    var broken = RuntimeAPIEmulator.Event("broken")
    broken.headers["Lambda-Runtime-Aws-Request-Id"] = id
    let harness = try RuntimeHarness(RuntimeAPIEmulator([broken, .init("b")]))
    let error = await #expect(throws: RuntimeError.self) { try await harness.finish() }
    #expect(error?.isFatal == true)
    #expect(error?.description.contains("Lambda-Runtime-Aws-Request-Id is missing or malformed") == true)
    #expect(harness.emulator.calls == [.next])
  }

  @Test(
    "An answer to next that is not HTTP ends the loop at once",
    arguments: ["nonsense\r\n\r\n", "\0\u{1}\u{2}\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
  func unreadableNext(answer: String) async throws {
    let harness = try RuntimeHarness(emulator(first: .next, gets: .raw(answer)))
    let error = await #expect(throws: RuntimeError.self) { try await harness.finish() }
    #expect(error?.isFatal == true)
    #expect(harness.emulator.calls == [.next])
  }

  @Test("An event over the limit ends the loop at once")
  func largeEvent() async throws {
    var event = RuntimeAPIEmulator.Event("large")
    event.payload = [UInt8](repeating: 0x20, count: RuntimeAPIClient.maximumEventBytes + 1)
    let harness = try RuntimeHarness(RuntimeAPIEmulator([event]))
    let error = await #expect(throws: RuntimeError.self) { try await harness.finish() }
    #expect(error?.isFatal == true)
    #expect(harness.emulator.calls == [.next])
  }

  @Test("A stalled acknowledgement and a trickled event are waited for within bounds")
  func slowness() async throws {
    let event = RuntimeAPIEmulator.Event("slow", #"{"slow":true}"#)
    let harness = try RuntimeHarness(
      emulator(
        [event, .init("b")], first: .next,
        gets: RuntimeAPIEmulator.reply(.init("trickled", "{}")).with(.trickle(bytes: 20, pause: .milliseconds(20)))))
    #expect(await harness.emulator.answers(count: 2).map(\.call) == [.response("slow"), .response("b")])
    // The emulator did not serve "trickled" itself, so it refuses the answer. The call shows that the event was handled.
    #expect(harness.emulator.calls.contains(.response("trickled")))
  }

  @Test("An idle connection that the service closed silently costs nothing")
  func silentClose() async throws {
    let emulator = try emulator(
      first: .response("a"), gets: RuntimeAPIEmulator.accepted.with(.closeWhenIdle))
    let harness = try RuntimeHarness(emulator)
    #expect(await harness.emulator.answers(count: 1).map(\.call) == [.response("b")])
    #expect(!harness.log.contains { $0.contains("ERROR") })
  }

  @Test(
    "2,000 invocations under faults drawn by a seed: none is answered twice, none brings the loop down",
    arguments: [2026])
  func randomFaults(seed: UInt64) async throws {
    let count = 2000
    let random = Mutex(SplitMix64(seed: seed))
    let emulator = try RuntimeAPIEmulator((0..<count).map { .init("id-\($0)", "\($0)") }) { call, _ in
      random.withLock { Self.fault(for: call, &$0) }
    }
    let handled = Mutex<[String: Int]>([:])
    let harness = try RuntimeHarness(emulator) { payload, context in
      handled.withLock { $0[context.requestID, default: 0] += 1 }
      return payload
    }
    // The last event is reached despite the faults; then the loop waits for another.
    while handled.withLock({ $0["id-\(count - 1)"] }) == nil { try await Task.sleep(for: .milliseconds(10)) }
    harness.shutDown()
    try await harness.finish()
    let answers = Dictionary(grouping: harness.emulator.answers, by: \.request.target)
    #expect(answers.values.allSatisfy { $0.count == 1 }, "seed \(seed)")
    #expect(handled.withLock { $0.values.allSatisfy { $0 == 1 } }, "seed \(seed)")
    // An answer is missing if a fault replaced its call, which happens to one call in ten.
    #expect(answers.count > count * 8 / 10, "seed \(seed): \(answers.count)")
  }

  private static func fault(for call: RuntimeAPIEmulator.Call, _ random: inout SplitMix64) -> Reply? {
    guard Int.random(in: 0..<10, using: &random) == 0 else { return nil }
    let faults: [Reply] = [
      Reply(400), Reply(403), Reply(200).with(.reset(after: 0)), Reply(200).with(.close(after: 0)),
      Reply(200).with(.reset(after: 25)), Reply(204), .raw("\0\u{1}\u{2}\r\n\r\n"),
      Reply(202, text: "x").with(.closeWhenIdle), Reply(413, text: String(repeating: "y", count: 70_000)),
    ]
    // An answer to next that is not HTTP ends the process.
    return (call == .next ? faults.filter { $0.raw == nil } : faults).randomElement(using: &random)
  }
}
