import RuntimeClient
import RuntimeTesting
import Testing

@testable import Streaming

/// Tests of a streaming function: its logic in memory, and its executable on an emulated Runtime API.
@Suite(.timeLimit(.minutes(10)))
struct StreamingTests {
  @Test("A countdown ends at 0, and one that never would is refused")
  func numbers() throws {
    #expect(try Countdown(from: 3, pauseMs: nil).numbers == [3, 2, 1, 0])
    #expect(throws: FunctionError.self) { try Countdown(from: -1, pauseMs: nil).numbers }
  }

  @Test("Each number arrives on its own; an error before the first one is a function error")
  func served() async throws {
    let emulator = try RuntimeAPIEmulator()
    let function = try FunctionProcess("Streaming", on: emulator)
    let chunks = emulator.chunks(of: "countdown")
    emulator.serve(.init("countdown", #"{"from":2,"pauseMs":20}"#))
    var received: [String] = []
    for await chunk in chunks { received.append(String(decoding: chunk, as: UTF8.self)) }
    // A JSON object with the status, eight NUL bytes, and the events.
    #expect(received.joined().hasSuffix("\0data: 2\n\ndata: 1\n\ndata: 0\n\n"))
    #expect(received.last == "data: 0\n\n")

    let error = try await emulator.invoke(#"{"from":-1}"#)
    #expect(error.request.headers["Lambda-Runtime-Function-Error-Type"] == "InvalidCountdown")
    #expect(await function.stop() == 0)
    #expect(function.log.contains("A countdown was sent.\tfrom=2"))
  }
}
