import AWS
import EventLoop
import Foundation
import Testing
import WebSocketAPITestSupport

@testable import Handlers
@testable import WebSocketAPI

/// Messages of clients and the responses to them.
@Suite(.timeLimit(.minutes(10)))
struct MessageHandlerTests {
  private let store = MemoryStore(count: 3)
  private let gateway = MemoryGateway()
  private let log = LogLines()

  private func handle(_ event: WebSocketEvent, within seconds: TimeInterval = 3600) async -> WebSocketResponse {
    await Deadline.within(.seconds(seconds)) {
      await MessageHandler(chat(gateway)).handle(event, logger: log.logger())
    }
  }

  private func chat(_ gateway: MemoryGateway) -> Chat { Chat(connections: store) { _ in gateway } }

  private func expectSent(_ message: [UInt8], from event: WebSocketEvent) async {
    #expect(await handle(event) == WebSocketResponse(200, "Message sent."))
    #expect(gateway.state.withLock { $0.messages } == [message])
    #expect(gateway.delivered == ["sender=": 1, "c0": 1, "c1": 1, "c2": 1])
  }

  private func expectRefused(_ status: Int, _ event: WebSocketEvent) async {
    #expect(await handle(event).statusCode == status)
    #expect(gateway.attempts.isEmpty)
    #expect(store.pagesRead == 0)
  }

  @Test(
    "Any JSON is sent to every connection byte for byte",
    arguments: [
      #"{"message":"hi"}"#, "  {\"b\":1, \"a\": 1.0e0,\n\"a\":\"é\\u00e9🎉\"} ", "null", "\"text\"", "[1,2]",
      "1e400", "-1E-400", "123456789012345678901234567890.123456789", #""\ud800""#, #"{"\udc00\ud800":"\uD83C"}"#,
    ])
  func sendsAnyJSON(body: String) async throws {
    await expectSent(Array(body.utf8), from: try messageEvent(body: body))
  }

  @Test("A binary frame is decoded before it is sent")
  func decodesBinaryFrame() async throws {
    await expectSent(
      Array(#"{"a":"é"}"#.utf8),
      from: try messageEvent(body: Data(#"{"a":"é"}"#.utf8).base64EncodedString(), isBase64Encoded: true))
  }

  @Test("JSON with a depth of 50,000 is sent")
  func sendsDeepJSON() async throws {
    let body = String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000)
    await expectSent(Array(body.utf8), from: try messageEvent(body: body))
  }

  @Test("100,000 brackets that never close are refused")
  func refusesUnclosedBrackets() async throws {
    await expectRefused(400, try messageEvent(body: String(repeating: "[", count: 100_000)))
  }

  @Test(
    "An absent, empty or blank body is refused", arguments: [nil, "", " ", "\n"])
  func refusesEmptyBody(body: String?) async throws {
    await expectRefused(400, try messageEvent(body: body))
    await expectRefused(400, try messageEvent(body: body, isBase64Encoded: true))
  }

  @Test(
    "A body that is not JSON is refused", arguments: ["hi", "{", "{\"a\":1} x", "NaN", "{'a':1}", "[1,]", "\u{FEFF}1"])
  func refusesOtherText(body: String) async throws {
    await expectRefused(400, try messageEvent(body: body))
  }

  @Test(
    "A binary frame that is not base64 is refused",
    arguments: ["{}", "é", "A", "AA", "AAA", "e30", "e3 0=", "e30=\n", "====", "e3-_"])
  func refusesInvalidBase64(body: String) async throws {
    await expectRefused(400, try messageEvent(body: body, isBase64Encoded: true))
  }

  @Test(
    "A binary frame that is not UTF-8 is refused",
    arguments: [[0xFF], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22]] as [[UInt8]])
  func refusesInvalidUTF8(bytes: [UInt8]) async throws {
    await expectRefused(400, try messageEvent(body: Data(bytes).base64EncodedString(), isBase64Encoded: true))
  }

  @Test("131,072 bytes are sent and 131,073 refused, as text and as a binary frame", arguments: [false, true])
  func boundsSize(isBase64Encoded: Bool) async throws {
    func body(_ bytes: Int) -> String {
      // Two-byte characters, because the limit counts bytes.
      let text = "\"" + String(repeating: "é", count: (bytes - 2) / 2) + (bytes % 2 == 0 ? "\"" : "x\"")
      return isBase64Encoded ? Data(text.utf8).base64EncodedString() : text
    }
    #expect(ManagementAPI.maximumMessageBytes == 131_072)
    await expectRefused(413, try messageEvent(body: body(131_073), isBase64Encoded: isBase64Encoded))
    #expect(await handle(try messageEvent(body: body(131_072), isBase64Encoded: isBase64Encoded)).statusCode == 200)
    #expect(gateway.state.withLock { $0.messages.first?.count } == 131_072)
    // The size is checked before the grammar.
    await MessageHandlerTests().expectRefused(413, try messageEvent(body: String(repeating: "x", count: 131_073)))
  }

  @Test(
    "If an open connection cannot be reached the response is 500, and one log line has the error but not the message")
  func reportsUnreachedConnection() async throws {
    let gateway = MemoryGateway { id, _ in if id == "c1" { throw AWSError.response(403, "ForbiddenException") } }
    let response = await MessageHandler(chat(gateway)).handle(
      try messageEvent(body: "\"secret\""), logger: log.logger(level: .trace))
    #expect(response == .failed)
    #expect(response == WebSocketResponse(500, "Failed."))
    #expect(gateway.delivered == ["sender=": 1, "c0": 1, "c2": 1])
    #expect(log.all.count == 1)
    #expect(log.all.first?.contains("ForbiddenException") == true)
    #expect(log.all.first?.contains("secret") == false)
  }

  @Test("A closed connection is not a failure")
  func ignoresClosedConnection() async throws {
    let gateway = MemoryGateway { id, _ in if id == "c1" { throw ConnectionGone() } }
    let response = await MessageHandler(chat(gateway)).handle(try messageEvent(body: "{}"), logger: log.logger())
    #expect(response.statusCode == 200)
    #expect(log.all.isEmpty)
  }

  @Test("Without an endpoint the response is 500, and the log line names the variable")
  func reportsMissingEndpoint() async throws {
    let response = await MessageHandler(
      Chat(connections: store) { _ in throw ConfigurationError("Set AWS_ENDPOINT_URL_X.") }
    )
    .handle(try messageEvent(body: "{}"), logger: log.logger())
    #expect(response == .failed)
    #expect(log.all.first?.contains("AWS_ENDPOINT_URL_X") == true)
  }

  @Test("The broadcast leaves a fifth of the remaining time, at most a second, for log and response")
  func reservesTimeForResponse() {
    #expect(Session.workTime(of: .seconds(29)) == .seconds(28))
    #expect(Session.workTime(of: .seconds(2)) == .milliseconds(1600))
    #expect(Session.workTime(of: .milliseconds(500)) == .milliseconds(400))
    #expect(Session.workTime(of: .zero) == .zero)
  }

  @Test("The handler responds when the time is over")
  func respondsAtDeadline() async throws {
    let gateway = MemoryGateway { _, _ in try await Task.sleep(for: .seconds(3600)) }
    let response = try await Deadline.within(.seconds(0.5)) {
      await MessageHandler(chat(gateway)).handle(try messageEvent(body: "{}"), logger: log.logger())
    }
    #expect(response == .failed)
  }
}
