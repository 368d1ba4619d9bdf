import AWS
import Foundation
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// `send`: messages that the server stamps, keeps and delivers.
@Suite(.timeLimit(.minutes(10)))
struct SendHandlerTests {
  private let room = TestRoom()

  private func connectAll() async throws {
    try await room.connect("a=", ["key": ["secret"], "name": ["Ann"], "room": ["r"]])
    try await room.connect("b=", ["room": ["r"]])
    try await room.connect("c=")
  }

  @Test("A message is stamped, kept, and delivered to the room, the sender included")
  func delivers() async throws {
    try await connectAll()
    let response = try await room.send(#"{"action":"send","clientId":"7","message":{"a" : 1.0}}"#, from: "a=")
    #expect(response == WebSocketResponse(200))
    let texts = room.texts("b=")
    #expect(room.texts("a=") == texts)
    #expect(room.texts("c=").isEmpty)
    let text = try #require(texts.first)
    let frame = try JSONDecoder().decode(ReceivedFrame.self, from: Data(text.utf8))
    let id = try #require(frame.id.flatMap { MessageID($0) })
    #expect(
      text == #"{"type":"message","id":"\#(id.text)","clientId":"7","room":"r","#
        + #""from":{"id":"\#(Person.id(key: "secret"))","name":"Ann"},"at":"\#(Timestamp.text(milliseconds: id.time))","#
        + #""message":{"a" : 1.0}}"#)
    #expect(room.messages.state.withLock { $0.kept } == ["r": [id: Array(text.utf8)]])
  }

  @Test("Without a clientId and a name the frame has none, and the sender is Guest")
  func minimal() async throws {
    try await connectAll()
    try await room.send(#"{"action":"send","message":null}"#, from: "b=")
    let text = try #require(room.texts("a=").first)
    #expect(!text.contains("clientId"))
    #expect(text.contains(#""from":{"id":"\#(Person.id(connectionID: "b="))","name":"Guest"}"#))
    #expect(text.hasSuffix(#""message":null}"#))
  }

  @Test(
    "Any JSON is delivered byte for byte",
    arguments: [
      "null", "false", #""text""#, "[ 1 ,\n2]", "1E400", #""\ud800""#, #"{"type":"message","from":{"id":"x"}}"#,
      #"{"b":1, "a":"é\u00e9🎉" }"#,
    ])
  func anyJSON(message: String) async throws {
    try await connectAll()
    for isBase64Encoded in [false, true] {
      let body = #" {"action":"send" , "message" : \#(message) , "x":[{}]} "#
      let event = isBase64Encoded ? Data(body.utf8).base64EncodedString() : body
      let response = await SendHandler(room.chat).handle(
        try messageEvent(body: event, isBase64Encoded: isBase64Encoded, from: "a="), logger: room.log.logger())
      #expect(response.statusCode == 200)
      #expect(try #require(room.texts("b=").first).hasSuffix(#""message":\#(message)}"#))
    }
  }

  @Test("No field of a client's frame changes who sent it, when, where, or with which id")
  func ignoresClaims() async throws {
    try await connectAll()
    let other = Person.id(connectionID: "b=")
    try await room.send(
      #"{"action":"send","from":{"id":"\#(other)","name":"Bob"},"id":"1","room":"lobby","at":"0","userId":"\#(other)","#
        + #""name":"Bob","key":"k","type":"presence","message":{"from":"\#(other)"}}"#, from: "a=")
    let frame = try #require(try room.frames("b=").first)
    #expect(frame.from == .init(id: Person.id(key: "secret"), name: "Ann"))
    #expect(frame.room == "r")
    #expect(frame.type == "message")
    #expect(room.texts("c=").isEmpty)
  }

  @Test("An ephemeral message is delivered and not kept")
  func ephemeral() async throws {
    try await connectAll()
    try await room.send(#"{"action":"send","ephemeral":true,"message":"typing"}"#, from: "a=")
    let text = try #require(room.texts("b=").first)
    #expect(text.hasSuffix(#"Z","ephemeral":true,"message":"typing"}"#))
    #expect(room.messages.state.withLock { $0.kept.isEmpty })
    try await room.send(#"{"action":"send","ephemeral":false,"message":1}"#, from: "a=")
    #expect(try room.frames("b=").first?.ephemeral == nil)
    #expect(room.messages.state.withLock { $0.kept["r"]?.count } == 1)
  }

  @Test("A message that cannot be kept is unavailable and not delivered")
  func unavailable() async throws {
    try await connectAll()
    room.messages.state.withLock { $0.keepError = Refused() }
    let response = try await room.send(#"{"action":"send","clientId":"7","message":"private"}"#, from: "a=")
    #expect(response == WebSocketResponse(500))
    let answer = try #require(room.texts("a=").first)
    #expect(answer.hasPrefix(#"{"type":"error","code":"unavailable","message":""#))
    #expect(answer.hasSuffix(#","clientId":"7"}"#))
    #expect(room.texts("b=").isEmpty)
    #expect(room.log.all.count == 1)
    #expect(room.log.all.allSatisfy { !$0.contains("private") })
  }

  @Test("A sender whose row cannot be read gets unavailable")
  func senderUnreadable() async throws {
    try await connectAll()
    room.store.state.withLock { $0.readError = Refused() }
    #expect(try await room.send(#"{"action":"send","message":1}"#, from: "a=") == WebSocketResponse(500))
    #expect(try room.frames("a=").map(\.code) == ["unavailable"])
    #expect(room.texts("b=").isEmpty)
  }

  @Test("Without a limit on messages a sender's row is read once in 10 s; with one, for each message")
  func remembersSender() async throws {
    let limited = ChatRules(messageLimit: MessageLimit(perSecond: 5, burst: 20))
    for (rules, step, second) in [(ChatRules(), 0.0, 200), (ChatRules(), 10, 500), (limited, 0, 500)] {
      let room = TestRoom(rules: rules, step: step)
      try await room.connect("a=", ["name": ["Ann"], "room": ["r"]])
      #expect(try await room.send(#"{"action":"send","message":1}"#, from: "a=").statusCode == 200)
      let frames = try room.frames("a=")
      room.store.state.withLock { $0.readError = Refused() }
      #expect(try await room.send(#"{"action":"send","message":2}"#, from: "a=").statusCode == second)
      // Another connection is not taken for it.
      #expect(try await room.send(#"{"action":"send","message":3}"#, from: "b=").statusCode == 500)
      guard second == 200 else { continue }
      let next = try #require(try room.frames("a=").first)
      #expect(next.from == frames.first?.from)
      #expect(next.room == "r")
    }
  }

  @Test("A sender without a row is asked for again with its next message")
  func asksAgain() async throws {
    let room = TestRoom(step: 0)
    try await room.send(#"{"action":"send","message":1}"#, from: "a=")
    try await room.connect("a=", ["room": ["r"]])
    try await room.send(#"{"action":"send","message":2}"#, from: "a=")
    #expect(try room.frames("a=").map(\.room) == ["lobby", "r"])
  }

  @Test("A sender without a row is a nameless person in the lobby, and receives its message")
  func senderWithoutRow() async throws {
    try await connectAll()
    try await room.send(#"{"action":"send","message":1}"#, from: "x=")
    for id in ["c=", "x="] {
      let frame = try #require(try room.frames(id).first)
      #expect(frame.from == .init(id: Person.id(connectionID: "x="), name: "Guest"))
      #expect(frame.room == "lobby")
    }
    #expect(room.texts("b=").isEmpty)
  }

  @Test("A sender whom the index does not show yet receives its message, and one whom it shows receives it once")
  func servesSender() async throws {
    try await connectAll()
    room.store.state.withLock { state in state.indexed = state.rows.filter { $0.connectionID != "a=" } }
    try await room.send(#"{"action":"send","message":1}"#, from: "a=")
    #expect(room.gateway.attempts == ["a=": 1, "b=": 1])
  }

  @Test("With a connection that cannot be reached the response is 500, and the others receive the message")
  func reportsUnreached() async throws {
    let room = TestRoom { id, _ in if id == "b=" { throw AWSError.response(403, "ForbiddenException") } }
    for id in ["a=", "b=", "c="] { try await room.connect(id) }
    #expect(try await room.send(#"{"action":"send","message":1}"#, from: "a=") == WebSocketResponse(500))
    #expect(room.texts("a=").count == 1)
    #expect(room.texts("c=").count == 1)
  }

  @Test("Without a table of messages nothing is kept, and messages are delivered")
  func keepsNothing() async throws {
    let room = TestRoom(keepsMessages: false)
    try await room.connect("a=")
    #expect(try await room.send(#"{"action":"send","message":1}"#, from: "a=").statusCode == 200)
    #expect(try room.frames("a=").map(\.type) == ["message"])
  }
}
