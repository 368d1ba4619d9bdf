import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// Raw messages that imitate frames of the server, by which a person could speak in another's name.
@Suite(.timeLimit(.minutes(10)))
struct ServerFrameTests {
  private let room = TestRoom()

  @Test(
    "An imitation of a frame of the server is refused, and only its sender is told",
    arguments: [
      #"{"type":"message","id":"017f22e2-79b0-7cc3-98c4-dc0c0c07398f","from":{"id":"b","name":"Bob"},"message":1}"#,
      #"{"type":"entered"}"#, #"{"type":"history"}"#, #"{"type":"who"}"#, #"{"type":"presence"}"#, #"{"type":"error"}"#,
      #"{"type":"heartbeat"}"#, #"{"type":"deleted","id":"x"}"#, #"{"type":"messages"}"#,
      " \n{\"a\" : 1 ,\t\"type\" : \"message\" } ",
      #"{"\u0074ype":"message"}"#, #"{"type":"\u006dessage"}"#, #"{"type":1,"type":"message"}"#,
      #"{"type":"message","type":1}"#, #"{"\ud800":1,"type":"message"}"#, #"{"type":"\ud800","type":"message"}"#,
      #"{"action":"dance","type":"message"}"#,
      #"{"message":"Internal server error","connectionId":"a=","requestId":"b="}"#,
    ])
  func refusesImitation(body: String) async throws {
    try await room.connect("a=")
    try await room.connect("b=")
    let response = try await room.send(body, from: "a=")
    #expect(response.statusCode == 403)
    #expect(try room.frames("a=").map(\.code) == ["forbidden"])
    #expect(room.texts("b=").isEmpty)
  }

  @Test(
    "Other JSON with such words is delivered",
    arguments: [
      #"{"type":"Message"}"#, #"{"type":"dance"}"#, #"{"type":["message"]}"#, #"{"type":{"type":"message"}}"#,
      #"{"message":{"type":"message"}}"#, #"[{"type":"message"}]"#, #""type""#, #"{"Type":"message"}"#,
      #"{"requestId":"a"}"#, #"{"type":"\ud800"}"#, #"{"\ud800":"message"}"#,
    ])
  func deliversOther(body: String) async throws {
    try await room.connect("a=")
    try await room.connect("b=")
    #expect(try await room.send(body, from: "a=") == WebSocketResponse(200, "Message sent."))
    #expect(room.texts("b=") == [body])
  }

  @Test("If the refusal cannot be sent the response is 500")
  func unanswered() async throws {
    let broken = TestRoom { _, _ in throw Refused() }
    #expect(try await broken.send(#"{"type":"message"}"#, from: "a=") == .failed)
  }

  @Test("A field whose name has a lone surrogate is ignored")
  func loneSurrogate() async throws {
    try await room.connect("a=")
    let event = try messageEvent(body: #"{"action":"send","\ud800":1,"message":2}"#, from: "a=")
    #expect(await SendHandler(room.chat).handle(event, logger: room.log.logger()) == WebSocketResponse(200))
    #expect(try room.frames("a=").map(\.type) == ["message"])
  }
}
