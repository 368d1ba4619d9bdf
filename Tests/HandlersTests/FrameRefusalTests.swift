import Foundation
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// Frames that are refused: the sender alone is told, and the socket stays open.
@Suite(.timeLimit(.minutes(10)))
struct FrameRefusalTests {
  private let room = TestRoom()
  private static let id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

  private func expectRefused(
    _ body: String, _ code: String = "invalid", clientID: String? = nil, action: String? = nil
  ) async throws {
    try await room.connect("a=")
    try await room.connect("b=")
    room.clear()
    let event = try messageEvent(body: body, from: "a=")
    let response =
      switch action {
      case "send": await SendHandler(room.chat).handle(event, logger: room.log.logger())
      case "enter": await EnterHandler(room.chat).handle(event, logger: room.log.logger())
      case "history": await HistoryHandler(room.chat).handle(event, logger: room.log.logger())
      case "who": await WhoHandler(room.chat).handle(event, logger: room.log.logger())
      default: try await room.send(body, from: "a=")
      }
    #expect(response == WebSocketResponse(200))
    let frames = try room.frames("a=")
    #expect(frames.map(\.type) == ["error"])
    #expect(frames.first?.code == code)
    #expect(frames.first?.clientId == clientID)
    #expect(room.texts("b=").isEmpty)
    #expect(room.messages.state.withLock { $0.kept.isEmpty })
    #expect(room.store.state.withLock { $0.rows.allSatisfy { $0.enteredAt == nil } })
    #expect(room.log.all.isEmpty)
  }

  @Test(
    "A field of the wrong type or value",
    arguments: [
      #""clientId":7"#, #""clientId":"""#, #""clientId":null"#, #""clientId":["a"]"#, #""clientId":"\ud800""#,
      #""ephemeral":"true""#, #""ephemeral":1"#, #""ephemeral":null"#, #""ephemeral":{}"#,
      #""clientId":"\#(String(repeating: "x", count: 65))""#,
    ])
  func send(field: String) async throws {
    try await expectRefused(#"{"action":"send","message":1,\#(field)}"#)
  }

  @Test("The clientId is in the error if it could be read, also if it follows the malformed field")
  func clientID() async throws {
    try await expectRefused(#"{"action":"send","clientId":"7"}"#, clientID: "7")
    try await expectRefused(#"{"ephemeral":7,"action":"send","message":1,"clientId":"é\""}"#, clientID: "é\"")
    try await expectRefused(#"{"action":"history","limit":0,"clientId":"7"}"#, clientID: "7")
    try await expectRefused(
      #"{"action":"send","clientId":"\#(String(repeating: "🎉", count: 64))"}"#,
      clientID: String(repeating: "🎉", count: 64))
  }

  @Test("send without message") func noMessage() async throws { try await expectRefused(#"{"action":"send"}"#) }

  @Test(
    "An id that is none", arguments: ["1", "null", #""""#, #""lobby""#, "{}", #""\#(id)0""#, #""\#(id.dropLast())x""#])
  func ids(json: String) async throws {
    for field in ["after", "before"] { try await expectRefused(#"{"action":"history","\#(field)":\#(json)}"#) }
    try await expectRefused(#"{"action":"enter","after":\#(json)}"#)
  }

  @Test(
    "A limit that is none",
    arguments: ["0", "101", "-1", "1.5", "\"50\"", "null", "[]", "true", "1e400", "99999999999999999999"])
  func limits(json: String) async throws {
    try await expectRefused(#"{"action":"history","limit":\#(json)}"#)
  }

  @Test("before together with after")
  func both() async throws {
    try await expectRefused(#"{"action":"history","before":"\#(Self.id)","after":"\#(Self.id)"}"#)
  }

  @Test(
    "A body that is no JSON object", arguments: ["send", "enter", "history", "who"])
  func bodies(action: String) async throws {
    for body in ["", "null", "[]", "\"send\"", "{", "{}{}", #"{"action":"send","message":}"#, "{\"message\":1,}"] {
      try await expectRefused(body, action: action)
    }
  }

  @Test("A frame above 32,768 bytes is too large")
  func tooLarge() async throws {
    func body(_ bytes: Int) -> String {
      let start = #"{"action":"send","clientId":"7","message":""#
      return start + String(repeating: "x", count: bytes - start.utf8.count - 2) + "\"}"
    }
    try await expectRefused(body(32_769), "too_large", clientID: "7")
    try await expectRefused(body(131_073), "too_large", clientID: "7")
    try await expectRefused(String(repeating: "x", count: 32_769), "too_large", action: "send")
    #expect(try await room.send(body(32_768), from: "a=").statusCode == 200)
    #expect(try #require(room.texts("b=").first).utf8.count > 32_768)
  }

  @Test("A gone client is no failure; an answer that cannot be sent is 500")
  func unanswered() async throws {
    let gone = TestRoom { _, _ in throw ConnectionGone() }
    #expect(try await gone.send(#"{"action":"send"}"#, from: "a=") == WebSocketResponse(200))
    let broken = TestRoom { _, _ in throw Refused() }
    #expect(try await broken.send(#"{"action":"send"}"#, from: "a=") == WebSocketResponse(500))
    #expect(broken.log.all.count == 1)
  }
}
