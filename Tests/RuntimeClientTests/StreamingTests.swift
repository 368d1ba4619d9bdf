import Foundation
import HTTP
import RuntimeClient
import Synchronization
import TestServers
import TestSupport
import Testing

/// Streamed responses on a socket: what the service receives, and when.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct StreamingTests {
  private struct Mishap: Error, CustomStringConvertible { let description = "The database is gone: ü" }

  /// Serves one event, and waits for its answer.
  private func answer(
    timeout: TimeInterval = 600, _ handler: @escaping Runtime.StreamingHandler
  ) async throws -> RuntimeAPIEmulator.Answer {
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("a", "event", timeout: timeout)]), streaming: handler)
    return try #require(await harness.emulator.answers(count: 1).first)
  }

  @Test("Each write arrives before the handler makes the next one")
  func chunksArriveAsTheyAreWritten() async throws {
    let emulator = try RuntimeAPIEmulator()
    let (turns, turn) = AsyncStream.makeStream(of: Void.self)
    let texts = ["first", "zweite ü", "3"]
    var chunks = emulator.chunks(of: "a").makeAsyncIterator()
    let harness = try RuntimeHarness(
      emulator,
      streaming: { event, response, _ in
        var turns = turns.makeAsyncIterator()
        for text in texts {
          try await response.write(text)
          // The next write waits until this one has arrived.
          await turns.next()
        }
      })
    emulator.serve(.init("a"))
    for text in texts {
      #expect(await chunks.next() == Array(text.utf8))
      turn.yield()
    }
    #expect(await chunks.next() == nil)
    #expect(await harness.emulator.answers(count: 1).first?.text == texts.joined())
  }

  @Test("The response has the documented header fields, and its connection is closed")
  func contract() async throws {
    let harness = try RuntimeHarness(
      RuntimeAPIEmulator([.init("a", "event"), .init("b", "event")]),
      streaming: { event, response, _ in
        try response.setContentType("text/plain; charset=utf-8")
        try await response.write(event)
      })
    let answers = await harness.emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.response("a"), .response("b")])
    let request = try #require(answers.first?.request)
    #expect(request.target == "/2018-06-01/runtime/invocation/a/response")
    #expect(request.headers["Lambda-Runtime-Function-Response-Mode"] == "streaming")
    #expect(request.headers["Transfer-Encoding"] == "chunked")
    #expect(
      request.headers["Trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
    #expect(request.headers["Content-Type"] == "text/plain; charset=utf-8")
    #expect(request.headers["Content-Length"] == nil)
    #expect(request.headers["User-Agent"] == RuntimeAPIClient.userAgent)
    #expect(request.trailer == [:])
    #expect(answers.first?.text == "event")
    #expect(answers.first?.request.connection != answers.last?.request.connection)
  }

  @Test("An HTTP response has its status, fields and cookies before eight NUL bytes")
  func prelude() async throws {
    let answer = try await answer { _, response, _ in
      try response.begin(
        status: 418,
        headers: ["Content-Type": "text/html", "X-A": "1", "x-a": "2", "Set-Cookie": "b=2; Path=/"],
        cookies: ["a=1"])
      try await response.write("<p>")
    }
    #expect(answer.request.headers["Content-Type"] == "application/vnd.awslambda.http-integration-response")
    let prelude =
      #"{"cookies":["a=1","b=2; Path=/"],"headers":{"Content-Type":"text/html","X-A":"1, 2"},"statusCode":418}"#
    #expect(answer.request.body == Array(prelude.utf8) + [UInt8](repeating: 0, count: 8) + Array("<p>".utf8))
  }

  @Test("The head of an HTTP response is sent before the handler writes")
  func earlyHead() async throws {
    let emulator = try RuntimeAPIEmulator()
    var chunks = emulator.chunks(of: "a").makeAsyncIterator()
    let (turns, turn) = AsyncStream.makeStream(of: Void.self)
    let harness = try RuntimeHarness(
      emulator,
      streaming: { _, response, _ in
        try response.begin(status: 200)
        var turns = turns.makeAsyncIterator()
        await turns.next()
      })
    emulator.serve(.init("a"))
    #expect(await chunks.next()?.suffix(8) == [0, 0, 0, 0, 0, 0, 0, 0])
    turn.yield()
    #expect(await harness.emulator.answers(count: 1).count == 1)
  }

  @Test("A response without a write is an empty one")
  func empty() async throws {
    let answer = try await answer { _, _, _ in }
    #expect(answer.call == .response("a"))
    #expect(answer.request.headers["Lambda-Runtime-Function-Response-Mode"] == "streaming")
    #expect(answer.request.headers["Content-Type"] == "application/octet-stream")
    #expect(answer.request.body == [])
    #expect(answer.streamError == nil)
  }

  @Test("An error before the first byte is an ordinary function error")
  func earlyError() async throws {
    let answer = try await answer { _, response, _ in
      try response.setContentType("text/plain")
      try await response.write([])
      throw Mishap()
    }
    #expect(answer.call == .error("a"))
    #expect(answer.request.headers["Lambda-Runtime-Function-Error-Type"] == "Mishap")
    #expect(try answer.error().errorMessage == Mishap().description)
  }

  @Test("A later error ends the response with a trailer; the next invocation is served", arguments: [true, false])
  func lateError(isHTTP: Bool) async throws {
    let harness = try RuntimeHarness(
      RuntimeAPIEmulator([.init("a"), .init("b")]),
      streaming: { _, response, context in
        if isHTTP { try response.begin(status: 200) } else { try await response.write("half") }
        if context.requestID == "a" { throw Mishap() }
      })
    let answers = await harness.emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.response("a"), .response("b")])
    let error = try #require(answers.first?.streamError)
    #expect(error.type == "Mishap")
    #expect(
      try JSONDecoder().decode(ErrorBody.self, from: Data(error.body.utf8)).errorMessage == Mishap().description)
    #expect(answers.last?.streamError == nil)
    #expect(harness.log.count { $0.contains("\ta\tERROR\tThe invocation failed.") } == 1)
    #expect(!harness.log.contains { $0.contains("not accepted") })
  }

  @Test("A long error message is cut, so that the trailer is accepted", arguments: ["x", "\u{1}", "ü", "🦆"])
  func longError(character: String) async throws {
    let answer = try await answer { _, response, _ in
      try await response.write("half")
      throw FunctionError(type: "Long", message: String(repeating: character, count: 300_000))
    }
    let error = try #require(answer.streamError)
    #expect(error.type == "Long")
    let body = try JSONDecoder().decode(ErrorBody.self, from: Data(error.body.utf8))
    #expect(body.errorMessage.hasPrefix(character + character))
    #expect(body.errorMessage.hasSuffix(" …"))
  }

  @Test("`begin` throws for a head that HTTP does not allow and for a second head")
  func invalidHeads() async throws {
    let answer = try await answer { _, response, _ in
      for status in [-1, 0, 100, 199, 600, .max] {
        #expect(throws: FunctionError.self) { try response.begin(status: status) }
      }
      for headers in [["A": "1\r\nB: 2"], ["A B": "1"], ["": "1"], ["Set-Cookie": "a\n"]] as [HTTPHeaders] {
        #expect(throws: FunctionError.self) { try response.begin(status: 200, headers: headers) }
      }
      #expect(throws: FunctionError.self) { try response.begin(status: 200, cookies: ["a=\0"]) }
      #expect(throws: FunctionError.self) { try response.setContentType("text/plain\r\nA: b") }
      #expect(throws: FunctionError.self) { try response.setContentType("") }
      try response.begin(status: 299)
      #expect(throws: FunctionError.self) { try response.begin(status: 200) }
      #expect(throws: FunctionError.self) { try response.setContentType("text/plain") }
    }
    #expect(answer.text.hasPrefix(#"{"cookies":[],"headers":{},"statusCode":299}"#))
  }

  @Test("Concurrent writers keep the bytes of each write together; a write after the end fails")
  func concurrentWriters() async throws {
    let late = Mutex<ResponseStream?>(nil)
    let answer = try await answer { _, response, _ in
      late.withLock { $0 = response }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for digit in UInt8(ascii: "0")...UInt8(ascii: "9") {
          group.addTask {
            try await Task.detached {
              for _ in 0..<50 { try await response.write([UInt8](repeating: digit, count: 3001)) }
            }.value
          }
        }
        try await group.waitForAll()
      }
    }
    let body = answer.request.body
    #expect(body.count == 500 * 3001)
    for start in stride(from: 0, to: body.count, by: 3001) {
      #expect(Set(body[start..<min(start + 3001, body.count)]).count == 1)
    }
    await #expect(throws: (any Error).self) { try await late.withLock { $0 }?.write("late") }
  }

  @Test("Invocations that stream side by side do not mix")
  func sideBySide() async throws {
    let events = (0..<24).map { RuntimeAPIEmulator.Event("id-\($0)", "\($0)") }
    let harness = try RuntimeHarness(
      RuntimeAPIEmulator(events), concurrency: 8,
      streaming: { event, response, _ in
        for _ in 0..<200 {
          try await response.write(event + Array(",".utf8))
          await Task.yield()
        }
      })
    let answers = await harness.emulator.answers(count: 24)
    #expect(answers.count == 24)
    for event in events {
      let answer = answers.first { $0.call == .response(event.requestID) }
      #expect(answer?.request.body == Array(repeating: event.payload + Array(",".utf8), count: 200).flatMap { $0 })
    }
  }
}
