import AWS
import EventLoop
import Foundation
import Testing
import WebSocketAPITestSupport

@testable import Handlers
@testable import WebSocketAPI

/// What a client may send, and what it gets: nothing is ever sent on by half.
@Suite(.timeLimit(.minutes(1)))
struct MessageHandlerTests {
  private let store = MemoryStore(count: 3)
  private let gateway = MemoryGateway()
  private let log = LogLines()

  private func handle(_ event: WebSocketEvent, within seconds: TimeInterval = 20) async -> WebSocketResponse {
    await Deadline.within(.seconds(seconds)) {
      await MessageHandler(store: store) { _ in gateway }.handle(event, logger: log.logger())
    }
  }

  private func expectSent(_ message: [UInt8], from event: WebSocketEvent) async {
    #expect(await handle(event) == WebSocketResponse(200, "Message sent."))
    #expect(gateway.state.withLock { $0.messages } == [message])
    #expect(gateway.delivered == ["c0": 1, "c1": 1, "c2": 1])
  }

  private func expectRefused(_ status: Int, _ event: WebSocketEvent) async {
    #expect(await handle(event).statusCode == status)
    #expect(gateway.attempts.isEmpty)
    #expect(store.pagesRead == 0)
  }

  @Test(
    "Any JSON goes to everyone byte for byte",
    arguments: [
      #"{"message":"hi"}"#, "  {\"b\":1, \"a\": 1.0e0,\n\"a\":\"é\\u00e9🎉\"} ", "null", "\"text\"", "[1,2]",
      "1e400", "-1E-400", "123456789012345678901234567890.123456789", #""\ud800""#, #"{"\udc00\ud800":"\uD83C"}"#,
    ])
  func anyJSON(body: String) async throws {
    await expectSent(Array(body.utf8), from: try messageEvent(body: body))
  }

  @Test("A binary frame is decoded first")
  func base64() async throws {
    await expectSent(
      Array(#"{"a":"é"}"#.utf8),
      from: try messageEvent(body: Data(#"{"a":"é"}"#.utf8).base64EncodedString(), isBase64Encoded: true))
  }

  @Test("100,000 brackets deep is JSON like any other")
  func deep() async throws {
    let body = String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000)
    await expectSent(Array(body.utf8), from: try messageEvent(body: body))
  }

  @Test("100,000 brackets that never close are not")
  func deepAndOpen() async throws {
    await expectRefused(400, try messageEvent(body: String(repeating: "[", count: 100_000)))
  }

  @Test(
    "Without a body, with an empty one or with white space there is nothing to send", arguments: [nil, "", " ", "\n"])
  func noBody(body: String?) async throws {
    await expectRefused(400, try messageEvent(body: body))
    await expectRefused(400, try messageEvent(body: body, isBase64Encoded: true))
  }

  @Test("What is not JSON is refused", arguments: ["hi", "{", "{\"a\":1} x", "NaN", "{'a':1}", "[1,]", "\u{FEFF}1"])
  func notJSON(body: String) async throws {
    await expectRefused(400, try messageEvent(body: body))
  }

  @Test(
    "What is not base64 is refused", arguments: ["{}", "é", "A", "AA", "AAA", "e30", "e3 0=", "e30=\n", "====", "e3-_"])
  func notBase64(body: String) async throws {
    await expectRefused(400, try messageEvent(body: body, isBase64Encoded: true))
  }

  @Test(
    "What is not UTF-8 in base64 is refused",
    arguments: [[0xFF], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22]] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) async throws {
    await expectRefused(400, try messageEvent(body: Data(bytes).base64EncodedString(), isBase64Encoded: true))
  }

  @Test("131,072 bytes are sent, one more is refused, as text and as a binary frame", arguments: [false, true])
  func size(isBase64Encoded: Bool) async throws {
    func body(_ bytes: Int) -> String {
      // Two-byte characters: it is bytes that count.
      let text = "\"" + String(repeating: "é", count: (bytes - 2) / 2) + (bytes % 2 == 0 ? "\"" : "x\"")
      return isBase64Encoded ? Data(text.utf8).base64EncodedString() : text
    }
    #expect(ManagementAPI.maximumMessageBytes == 131_072)
    await expectRefused(413, try messageEvent(body: body(131_073), isBase64Encoded: isBase64Encoded))
    #expect(await handle(try messageEvent(body: body(131_072), isBase64Encoded: isBase64Encoded)).statusCode == 200)
    #expect(gateway.state.withLock { $0.messages.first?.count } == 131_072)
    // Not JSON and too large is too large.
    await MessageHandlerTests().expectRefused(413, try messageEvent(body: String(repeating: "x", count: 131_073)))
  }

  @Test("An event with a lone surrogate is refused whole")
  func loneSurrogateInEvent() {
    #expect(throws: InvalidEvent.self) {
      try WebSocketEvent(json: Array(#"{"requestContext":{"connectionId":"a"},"body":"\ud800"}"#.utf8))
    }
  }

  @Test(
    "An event of something else is refused, and the error quotes nothing of it",
    arguments: [
      "", "secret", "null", "[]", "\"secret\"", "{}", #"{"requestContext":"secret"}"#, #"{"requestContext":{}}"#,
      #"{"requestContext":{"connectionId":7}}"#, #"{"requestContext":{"connectionId":""}}"#,
      #"{"requestContext":{"connectionId":"a"},"body":{"a":"secret"}}"#,
      #"{"requestContext":{"connectionId":"a"},"isBase64Encoded":"secret"}"#,
      String(repeating: "[", count: 100_000),
    ])
  func invalidEvent(json: String) {
    let error = #expect(throws: InvalidEvent.self) { try WebSocketEvent(json: Array(json.utf8)) }
    #expect(error?.description.contains("secret") == false)
  }

  @Test("When a live connection cannot be reached the answer is 500, and one line says why without the message")
  func failed() async throws {
    let gateway = MemoryGateway { id, _ in if id == "c1" { throw AWSError.response(403, "ForbiddenException") } }
    let response = await MessageHandler(store: store) { _ in gateway }
      .handle(try messageEvent(body: "\"secret\""), logger: log.logger(level: .trace))
    #expect(response == .failed)
    #expect(response == WebSocketResponse(500, "Failed."))
    #expect(gateway.delivered == ["c0": 1, "c2": 1])
    #expect(log.all.count == 1)
    #expect(log.all.first?.contains("ForbiddenException") == true)
    #expect(log.all.first?.contains("secret") == false)
  }

  @Test("A connection that is gone is no reason for a 500")
  func gone() async throws {
    let gateway = MemoryGateway { id, _ in if id == "c1" { throw ConnectionGone() } }
    let response = await MessageHandler(store: store) { _ in gateway }
      .handle(try messageEvent(body: "{}"), logger: log.logger())
    #expect(response.statusCode == 200)
    #expect(log.all.isEmpty)
  }

  @Test("Without a way to the sockets the answer is 500, and the line names what is missing")
  func noGateway() async throws {
    let response = await MessageHandler(store: store) { _ in throw ConfigurationError("Set AWS_ENDPOINT_URL_X.") }
      .handle(try messageEvent(body: "{}"), logger: log.logger())
    #expect(response == .failed)
    #expect(log.all.first?.contains("AWS_ENDPOINT_URL_X") == true)
  }

  @Test("It answers before the invocation's deadline, with a fifth of the time to spare")
  func deadline() async throws {
    let gateway = MemoryGateway { _, _ in try await Task.sleep(for: .seconds(60)) }
    for (seconds, longest) in [(2.0, 1.9), (0.5, 0.49)] {
      let start = ContinuousClock.now
      let response = try await Deadline.within(.seconds(seconds)) {
        await MessageHandler(store: store) { _ in gateway }
          .handle(try messageEvent(body: "{}"), logger: log.logger())
      }
      #expect(response == .failed)
      #expect(start.duration(to: .now) < .seconds(longest))
    }
  }
}
