import AWS
import EventLoop
import Foundation
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// `publish`: messages of backends.
@Suite(.timeLimit(.minutes(10)))
struct PublishHandlerTests {
  private let room = TestRoom()

  private func publish(_ json: String, in room: TestRoom? = nil) async throws -> String {
    let room = room ?? self.room
    let handler = PublishHandler(room.chat, room.gateway, logger: room.log.logger())
    return String(decoding: try await handler.handle(Array(json.utf8)), as: UTF8.self)
  }

  private func connectAll() async throws {
    try await room.connect("a=", ["room": ["r"]])
    try await room.connect("b=", ["room": ["r"]])
    try await room.connect("c=")
  }

  @Test("A message is stamped by the service, kept, and delivered; the result has its id and the counts")
  func one() async throws {
    try await connectAll()
    let result = try await publish(#"{"room":"r","message":{"a" : 1.0},"from":{"name":"Shop \"x\""}}"#)
    let text = try #require(room.texts("a=").first)
    #expect(room.texts("b=") == [text])
    #expect(room.texts("c=").isEmpty)
    let frame = try JSONDecoder().decode(ReceivedFrame.self, from: Data(text.utf8))
    let id = try #require(frame.id)
    #expect(frame.from == .init(id: "service:Shop \"x\"", name: "Shop \"x\""))
    #expect(text.hasSuffix(#""message":{"a" : 1.0}}"#))
    #expect(
      result == #"{"id":"\#(id)","room":"r","reached":2,"gone":0,"slow":0,"failed":0,"handedOver":false}"#)
    #expect(room.messages.state.withLock { $0.kept["r"]?.values.map { String(decoding: $0, as: UTF8.self) } } == [text])
  }

  @Test("Without a name the sender is service; an ephemeral message is not kept")
  func defaults() async throws {
    try await connectAll()
    for from in ["", #","from":{}"#] {
      _ = try await publish(#"{"room":"r","message":null,"ephemeral":true\#(from)}"#)
      let frame = try #require(try room.frames("a=").first)
      #expect(frame.from == .init(id: "service:service", name: "service"))
      #expect(frame.ephemeral == true)
    }
    #expect(room.messages.state.withLock { $0.kept.isEmpty })
  }

  @Test("The counts tell closed, slow and failed connections")
  func counts() async throws {
    let room = TestRoom { id, _ in
      switch id {
      case "b=": throw ConnectionGone()
      case "c=": throw AWSError.response(429, "LimitExceededException")
      case "d=": throw AWSError.response(403, "ForbiddenException")
      default: break
      }
    }
    for id in ["a=", "b=", "c=", "d="] { try await room.store.add(.old(id)) }
    let result = try await publish(#"{"room":"lobby","message":1}"#, in: room)
    #expect(result.hasSuffix(#""reached":1,"gone":1,"slow":1,"failed":1,"handedOver":false}"#))
    #expect(room.store.connectionIDs.sorted() == ["a=", "c=", "d="])
  }

  @Test(
    "An invalid message fails the invocation with the name of the field, and is not quoted",
    arguments: [
      (#"{"message":"secret"}"#, "invalid: room is missing."),
      (#"{"room":"se cret","message":1}"#, "invalid: room must be 1 to 64"),
      (#"{"room":7,"message":1}"#, "invalid: room must be 1 to 64"),
      (#"{"room":"r"}"#, "invalid: message is missing."),
      (#"{"room":"r","message":1,"secret":1}"#, "invalid: The fields of a message are"),
      (#"{"room":"r","message":1,"ephemeral":"secret"}"#, "invalid: ephemeral must be true or false."),
      (#"{"room":"r","message":1,"from":"secret"}"#, "invalid: from must be an object"),
      (#"{"room":"r","message":1,"from":{"id":"secret"}}"#, "invalid: from may have name"),
      (#"{"room":"r","message":1,"from":{"name":7}}"#, "invalid: from must be an object"),
      (#"{"room":"r","message":1,"from":{"name":"se\ncret"}}"#, "invalid: from.name must be 1 to 64"),
      (#"{"room":"r","message":1,"from":{"name":""}}"#, "invalid: from.name must be 1 to 64"),
      ("7", "invalid: The event must be a message"), ("{", "invalid: The event is not JSON."),
      (#"{"room":"r","message":"\#(String(repeating: "x", count: 32_767))"}"#, "too_large: message has more than"),
    ])
  func invalid(json: String, problem: String) async throws {
    try await connectAll()
    let error = await #expect(throws: PublishError.self) { _ = try await publish(json) }
    #expect(error?.description.hasPrefix(problem) == true)
    #expect(error?.description.contains("cret") == false)
    #expect(room.gateway.attempts.isEmpty)
    #expect(room.messages.state.withLock { $0.kept.isEmpty })
    #expect(room.log.all.allSatisfy { !$0.contains("cret") })
  }

  @Test("A message of 32,768 bytes is published")
  func largest() async throws {
    try await connectAll()
    _ = try await publish(#"{"room":"r","message":"\#(String(repeating: "x", count: 32_766))"}"#)
    #expect(room.texts("a=").count == 1)
  }

  @Test("A list is published in order; a refused message has its error in its place")
  func list() async throws {
    try await connectAll()
    struct Result: Decodable {
      struct Message: Decodable {
        let id: String?
        let reached: Int?
        let error: [String: String]?
      }
      let messages: [Message]
    }
    let text = try await publish(
      #"[{"room":"r","message":1},{"message":"secret"},{"room":"lobby","message":2},{"room":"r","message":3}]"#)
    let result = try JSONDecoder().decode(Result.self, from: Data(text.utf8))
    #expect(result.messages.map(\.reached) == [2, nil, 1, 2])
    #expect(result.messages[1].error == ["code": "invalid", "message": "room is missing."])
    #expect(room.texts("a=").map { $0.suffix(2) } == ["1}", "3}"])
    let ids = result.messages.compactMap(\.id)
    #expect(ids.count == 3 && ids == ids.sorted())
  }

  private func record(_ id: String, _ body: String, queue: String) -> String {
    let body = body.replacingOccurrences(of: "\"", with: "\\\"")
    return #"{"messageId":"\#(id)","body":"\#(body)","eventSource":"aws:sqs","eventSourceARN":"arn:\#(queue)"}"#
  }

  @Test(
    "Of a queue's records those that fail are reported; of a FIFO queue, all behind the first that failed",
    arguments: [("q", [1, 3], ["2"]), ("q.fifo", [1], ["2", "3"])])
  func queue(queue: String, published: [Int], failures: [String]) async throws {
    try await connectAll()
    let records = [
      record("1", #"{"room":"r","message":1}"#, queue: queue), record("2", #"{"room":"r"}"#, queue: queue),
      record("3", #"{"room":"r","message":3}"#, queue: queue),
    ]
    let result = try await publish(#"{"Records":[\#(records.joined(separator: ","))]}"#)
    let identifiers = failures.map { #"{"itemIdentifier":"\#($0)"}"# }.joined(separator: ",")
    #expect(result == #"{"batchItemFailures":[\#(identifiers)]}"#)
    #expect(room.texts("a=").map { $0.suffix(2) } == published.map { "\($0)}" })
  }

  @Test("Events of a topic and of EventBridge are published; an invalid one fails the invocation")
  func envelopes() async throws {
    try await connectAll()
    func topic(_ message: String) -> String {
      #"{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"\#(message.replacingOccurrences(of: "\"", with: "\\\""))"}}]}"#
    }
    let result = try await publish(topic(#"{"room":"r","message":1}"#))
    #expect(result.hasPrefix(#"{"messages":[{"id":""#))
    let bridge = try await publish(
      #"{"detail-type":"x","source":"y","detail":{"room":"r","message":2}}"#)
    #expect(bridge.hasPrefix(#"{"id":""#))
    #expect(room.texts("a=").count == 2)
    await #expect(throws: PublishError.self) { _ = try await publish(topic("{}")) }
  }

  @Test("A message that cannot be kept, and a room that cannot be read, fail the invocation")
  func unavailable() async throws {
    try await connectAll()
    room.messages.state.withLock { $0.keepError = Refused() }
    let error = await #expect(throws: PublishError.self) { _ = try await publish(#"{"room":"r","message":"secret"}"#) }
    #expect(error?.code == "unavailable")
    #expect(room.texts("a=").isEmpty)
    room.messages.state.withLock { $0.keepError = nil }
    room.store.state.withLock { $0.pageFailures = [1: Refused()] }
    await #expect(throws: PublishError.self) { _ = try await publish(#"{"room":"r","message":"secret"}"#) }
    #expect(!room.log.all.isEmpty && room.log.all.allSatisfy { !$0.contains("secret") })
  }

  @Test("Messages for which no time is left are refused, and the records of a queue return to it")
  func outOfTime() async throws {
    try await connectAll()
    let handler = PublishHandler(room.chat, room.gateway, logger: room.log.logger())
    let queue = record("1", #"{"room":"r","message":1}"#, queue: "q")
    for (event, result) in [
      (#"[{"room":"r","message":1}]"#, #"{"messages":[{"error":{"code":"unavailable","#),
      (#"{"Records":[\#(queue)]}"#, #"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#),
    ] {
      let text = try await Deadline.within(.seconds(2)) { try await handler.handle(Array(event.utf8)) }
      #expect(String(decoding: text, as: UTF8.self).hasPrefix(result))
    }
    #expect(room.gateway.attempts.isEmpty)
  }
}
