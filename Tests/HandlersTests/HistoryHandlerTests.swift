import Foundation
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// `history`, and the messages in the answer to `enter`.
@Suite(.timeLimit(.minutes(10)))
struct HistoryHandlerTests {
  private let room = TestRoom()

  /// Sends messages from a client that then forgets what it received.
  ///
  /// - Returns: their ids.
  private func fill(_ count: Int, bytes: Int = 10) async throws -> [String] {
    try await room.connect("a=")
    for number in 0..<count {
      let text = String(repeating: "x", count: bytes)
      try await room.send(#"{"action":"send","message":"\#(number)\#(text)"}"#, from: "a=")
    }
    return try room.frames("a=").compactMap(\.id)
  }

  private func history(_ fields: String) async throws -> (ids: [String?], more: Bool?) {
    #expect(try await room.send(#"{"action":"history"\#(fields)}"#, from: "a=") == WebSocketResponse(200))
    let text = try #require(room.texts("a=").last)
    #expect(text.utf8.count <= 131_072)
    let frame = try JSONDecoder().decode(ReceivedFrame.self, from: Data(text.utf8))
    #expect(frame.type == "history")
    return ((frame.messages ?? []).map(\.id), frame.more)
  }

  private func entered(_ fields: String, from id: String = "a=") async throws -> ReceivedFrame {
    #expect(try await room.send(#"{"action":"enter"\#(fields)}"#, from: id) == WebSocketResponse(200))
    let text = try #require(room.texts(id).last)
    #expect(text.utf8.count <= 131_072)
    return try JSONDecoder().decode(ReceivedFrame.self, from: Data(text.utf8))
  }

  @Test("Pages are exact, ascending, and say whether there are more")
  func pages() async throws {
    let ids = try await fill(120)
    #expect(ids == ids.sorted())
    #expect(try await history("") == (Array(ids[70...]), true))
    #expect(try await history(#","limit":100"#) == (Array(ids[20...]), true))
    #expect(try await history(#","before":"\#(ids[70])""#) == (Array(ids[20..<70]), true))
    #expect(try await history(#","before":"\#(ids[50])","limit":50"#) == (Array(ids[..<50]), false))
    #expect(try await history(#","before":"\#(ids[51].uppercased())","limit":50"#) == (Array(ids[1..<51]), true))
    #expect(try await history(#","before":"\#(ids[0])""#) == ([], false))
    #expect(try await history(#","after":"\#(ids[0])","limit":1"#) == ([ids[1]], true))
    #expect(try await history(#","after":"\#(ids[69])""#) == (Array(ids[70...]), false))
    #expect(try await history(#","after":"\#(ids[68])""#) == (Array(ids[69..<119]), true))
    #expect(try await history(#","after":"\#(ids[119])""#) == ([], false))
    // The answer holds each frame byte for byte as it was delivered.
    let frame = try #require(room.messages.state.withLock { $0.kept["lobby"]?.values.first })
    try await room.send(#"{"action":"history","limit":100}"#, from: "a=")
    try await room.send(#"{"action":"history","before":"\#(ids[20])"}"#, from: "a=")
    #expect(room.texts("a=").contains { $0.contains(String(decoding: frame, as: UTF8.self)) })
  }

  @Test(
    "A client reaches messages of all sizes in either direction", arguments: [10, 3000, 16_000, 32_700])
  func reachesAll(bytes: Int) async throws {
    let ids = try await fill(bytes > 10_000 ? 10 : 60, bytes: bytes)
    var up: [String?] = []
    var page = try await history("")
    up = page.ids
    while page.more == true {
      page = try await history(#","before":"\#(try #require(up.first ?? nil))""#)
      #expect(!page.ids.isEmpty)
      up = page.ids + up
    }
    #expect(up == ids)
    var down: [String?] = [MessageID.first(at: 0).text]
    repeat {
      page = try await history(#","after":"\#(try #require(down.last ?? nil))","limit":100"#)
      #expect(!page.ids.isEmpty)
      down += page.ids
    } while page.more == true
    #expect(Array(down.dropFirst()) == ids)
  }

  @Test("enter answers with the latest messages; with after, with those from 30 s before that message on")
  func enters() async throws {
    let ids = try await fill(120)
    let latest = try await entered("")
    #expect(latest.messages?.map(\.id) == Array(ids[70...]))
    #expect(latest.more == true)
    // The test's clock advances by a second with each message.
    let times = ids.compactMap { MessageID($0)?.time }
    let first = try #require(times.firstIndex { $0 >= times[60] - 30_000 })
    let catchUp = try await entered(#","after":"\#(ids[60])""#)
    #expect(catchUp.messages?.map(\.id) == Array(ids[first..<first + 50]))
    #expect(catchUp.more == true)
    let rest = try await entered(#","after":"\#(ids[119])""#)
    #expect(rest.messages?.first?.id == ids[119 - (60 - first)])
    #expect(rest.messages?.last?.id == ids[119])
    #expect(rest.more == false)
    // An id that was never assigned, and an id from the future.
    #expect(try await entered(#","after":"\#(MessageID.first(at: 0).text)""#).messages?.map(\.id) == Array(ids[..<50]))
    #expect(try await entered(#","after":"\#(MessageID.first(at: .max).text)""#).messages?.isEmpty == true)
  }

  @Test("A message of the largest size fits into entered, beside 100 people with the longest ids and names")
  func fitsLargest() async throws {
    // 255 and 256 bytes, of which those of the id are escaped.
    let name = String(repeating: "🎉", count: 64)
    func id(_ number: Int) -> String { "\(number)".padding(toLength: 255, withPad: "\"", startingAt: 0) }
    for number in 0..<120 {
      let row = Connection(
        connectionID: "p\(number)=", timestamp: nil, expiresAt: nil, userID: id(number), name: name,
        enteredAt: number + 1)
      try await room.store.add(row)
    }
    try await room.store.add(
      Connection(connectionID: "b=", timestamp: nil, expiresAt: nil, userID: id(121), name: name))
    let small = try await entered("", from: "b=")
    #expect(small.users?.count == 100)
    #expect(small.users?.first?.id == id(0))
    #expect(small.users?.last == small.you)
    #expect(small.count == 121)
    // A clientId whose characters are escaped in six bytes each.
    let start = #"{"action":"send","clientId":"\#(String(repeating: #"\u0001"#, count: 64))","message":""#
    let text = String(repeating: "x", count: ClientFrame.maximumBytes - start.utf8.count - 2)
    for _ in 0..<4 { #expect(try await room.send(start + text + "\"}", from: "b=").statusCode == 200) }
    let large = try await entered("", from: "b=")
    #expect(large.messages?.count == 1)
    #expect(large.more == true)
    #expect(large.users?.count == 100)
    #expect(large.users?.contains(try #require(large.you)) == true)
  }

  @Test("The history is that of the room")
  func rooms() async throws {
    let ids = try await fill(2)
    try await room.connect("b=", ["room": ["r"]])
    try await room.send(#"{"action":"history"}"#, from: "b=")
    #expect(try room.frames("b=").first?.messages?.isEmpty == true)
    #expect(try await history("").ids == ids)
  }

  @Test("Messages that cannot be read are unavailable")
  func unreadable() async throws {
    _ = try await fill(2)
    room.messages.state.withLock { $0.readError = Refused() }
    for action in ["enter", "history"] {
      #expect(try await room.send(#"{"action":"\#(action)"}"#, from: "a=") == WebSocketResponse(500))
      #expect(try room.frames("a=").map(\.code) == ["unavailable"])
    }
  }

  @Test("Without a table of messages the history is empty")
  func keepsNothing() async throws {
    let room = TestRoom(keepsMessages: false)
    try await room.join("a=")
    try await room.send(#"{"action":"history"}"#, from: "a=")
    #expect(room.texts("a=").last == #"{"type":"history","messages":[],"more":false}"#)
  }
}
