import Testing

@testable import Handlers

/// Events of the function `publish`, by caller.
@Suite struct PublishEventTests {
  private func read(_ json: String) throws -> PublishEvent { try PublishEvent(json: Array(json.utf8)) }

  private static let message = #"{"room":"r","message":1}"#

  @Test("One message, a list, and the detail of an EventBridge event")
  func plain() throws {
    #expect(try read(Self.message) == .one(Array(Self.message.utf8)))
    #expect(try read("\u{FEFF}\(Self.message)") == .one(Array(Self.message.utf8)))
    #expect(try read("[\(Self.message), 2 ]") == .list([Array(Self.message.utf8), Array("2".utf8)]))
    let bridge = #"{"version":"0","id":"x","detail-type":"order","source":"shop","detail": \#(Self.message) }"#
    #expect(try read(bridge) == .one(Array(Self.message.utf8)))
    // Without its type it is no event of EventBridge.
    #expect(try read(#"{"detail":{}}"#) == .one(Array(#"{"detail":{}}"#.utf8)))
  }

  private func record(_ body: String, id: String = "a", queue: String = "q") -> String {
    #"{"messageId":"\#(id)","body":"\#(body)","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:x:1:\#(queue)"}"#
  }

  @Test("Records of a queue, standard and FIFO, and of a topic")
  func records() throws {
    #expect(
      try read(#"{"Records":[\#(record("{}")),\#(record(#"\"x\""#, id: "b"))]}"#)
        == .queue([.init(id: "a", body: Array("{}".utf8)), .init(id: "b", body: Array(#""x""#.utf8))], isFIFO: false))
    #expect(
      try read(#"{"Records":[\#(record("", queue: "q.fifo"))]}"#) == .queue([.init(id: "a", body: [])], isFIFO: true))
    #expect(
      try read(#"{"Records":[{"EventSource":"aws:sns","EventVersion":"1.0","Sns":{"Message":"{\"room\":1}"}}]}"#)
        == .notifications([Array(#"{"room":1}"#.utf8)]))
  }

  @Test(
    "An invalid event is refused with the name of the field, and is not quoted",
    arguments: [
      ("", "The event is not JSON."), ("{", "The event is not JSON."), ("\"secret\"", "The event must be a message"),
      ("[]", "A list must have 1 to 100 messages."), (#"{"Records":"secret"}"#, "Records must be a list"),
      (#"{"Records":[]}"#, "Records must be a list"), (#"{"Records":["secret"]}"#, "Records must come from SQS"),
      (#"{"Records":[{"eventSource":"secret"}]}"#, "Records must come from SQS"),
      (#"{"Records":[{"eventSource":"aws:sqs","body":"secret"}]}"#, "Records[0].messageId must be a string."),
      (#"{"Records":[{"eventSource":"aws:sqs","messageId":"secret"}]}"#, "Records[0].body must be a string."),
      (#"{"Records":[{"EventSource":"aws:sns","Sns":"secret"}]}"#, "Records[0].Sns.Message must be a string."),
      (
        #"{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"{}"}},{"Sns":{"Message":1}}]}"#,
        "Records[1].Sns.Message must be a string."
      ),
    ])
  func invalid(json: String, problem: String) {
    let error = #expect(throws: Refusal.self) { try read(json) }
    #expect(error?.code == .invalid)
    #expect(error?.message.hasPrefix(problem) == true)
    #expect(error?.message.contains("secret") == false)
  }

  @Test("A list has at most 100 messages")
  func listBounds() throws {
    func list(_ count: Int) -> String { "[" + Array(repeating: "1", count: count).joined(separator: ",") + "]" }
    if case .list(let messages) = try read(list(100)) { #expect(messages.count == 100) } else { Issue.record() }
    #expect(throws: Refusal.self) { try read(list(101)) }
  }
}
