import Foundation
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// The moderators' commands.
@Suite struct ModerateHandlerTests {
  private let room = TestRoom()
  private let user = Person.id(key: "k")

  private func fill() async throws {
    try await room.join("a=", ["key": ["k"], "name": ["Ann"]])
    try await room.connect("b=", ["key": ["k"], "room": ["r"]])
    try await room.join("c=", ["name": ["Cleo"]])
    room.clear()
  }

  @Test("delete removes a kept message, and tells the room")
  func delete() async throws {
    try await fill()
    try await room.send(#"{"action":"send","message":"bad"}"#, from: "a=")
    let id = try #require(try room.frames("a=").first?.id)
    room.clear()
    let command = #"{"command":"delete","room":"lobby","id":"\#(id.uppercased())","by":"Mo","reason":"spam"}"#
    #expect(try await room.moderate(command) == #"{"deleted":true,"told":2}"#)
    for client in ["a=", "c="] { #expect(room.texts(client) == [#"{"type":"deleted","id":"\#(id)"}"#]) }
    #expect(room.texts("b=").isEmpty)
    #expect(room.messages.state.withLock { $0.kept["lobby"]?.isEmpty } == true)
    // Again: it may still be on a screen.
    #expect(try await room.moderate(command) == #"{"deleted":false,"told":2}"#)
    #expect(room.texts("a=").count == 1)
  }

  @Test("delete keeps the row of a connection that is gone: the next message deletes it, and announces the leave")
  func deleteFindsGone() async throws {
    let room = TestRoom { connection, _ in if connection == "b=" { throw ConnectionGone() } }
    try await room.connect("a=")
    try await room.store.add(.old("b="))
    let id = MessageID(time: 1, counter: 0, random: 0).text
    let command = #"{"command":"delete","room":"lobby","id":"\#(id)","by":"Mo"}"#
    #expect(try await room.moderate(command) == #"{"deleted":false,"told":1}"#)
    #expect(room.store.connectionIDs.sorted() == ["a=", "b="])
  }

  @Test("disconnect closes a person's connections, in a room or in all")
  func disconnect() async throws {
    try await fill()
    let inRoom = #"{"command":"disconnect","user":"\#(user)","room":"r","by":"Mo"}"#
    #expect(try await room.moderate(inRoom) == #"{"disconnected":1}"#)
    #expect(room.gateway.state.withLock { $0.disconnected } == ["b="])
    let anywhere = #"{"command":"disconnect","user":"\#(user)","by":"Mo"}"#
    #expect(try await room.moderate(anywhere) == #"{"disconnected":2}"#)
    #expect(try await room.moderate(#"{"command":"disconnect","user":"x","by":"Mo"}"#) == #"{"disconnected":0}"#)
  }

  @Test("ban disconnects and refuses the person until then; unban ends it")
  func ban() async throws {
    try await fill()
    let banned = try await room.moderate(#"{"command":"ban","user":"\#(user)","seconds":3600,"by":"Mo"}"#)
    #expect(banned.wholeMatch(of: /\{"until":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z","disconnected":2\}/) != nil)
    #expect(try await room.connect("d=", ["key": ["k"]]).statusCode == 403)
    #expect(try await room.moderate(#"{"command":"unban","user":"\#(user)","by":"Mo"}"#) == "{}")
    #expect(try await room.connect("d=", ["key": ["k"]]).statusCode == 200)
    _ = try await room.moderate(#"{"command":"ban","user":"\#(user)","room":"r","seconds":60,"by":"Mo"}"#)
    #expect(try await room.connect("e=", ["key": ["k"], "room": ["r"]]).statusCode == 403)
    #expect(try await room.connect("e=", ["key": ["k"]]).statusCode == 200)
  }

  @Test("list shows a room's connections")
  func list() async throws {
    try await fill()
    struct Result: Decodable {
      struct Row: Decodable {
        let connectionId: String
        let user: String
        let name: String
        let connectedAt: String
        let enteredAt: String?
      }
      let connections: [Row]
      let next: String?
    }
    let text = try await room.moderate(#"{"command":"list","room":"lobby"}"#)
    let result = try JSONDecoder().decode(Result.self, from: Data(text.utf8))
    #expect(Set(result.connections.map(\.name)) == ["Ann", "Cleo"])
    #expect(result.connections.first { $0.name == "Ann" }?.user == user)
    #expect(result.connections.allSatisfy { $0.enteredAt != nil })
    #expect(result.next == nil)
    #expect(room.moderation.state.withLock { $0.entries.isEmpty })
  }

  @Test("Each change is in the audit trail, before it is made: without the trail nothing is changed")
  func audit() async throws {
    try await fill()
    let id = MessageID(time: 1, counter: 0, random: 0).text
    for command in [
      #"{"command":"delete","room":"lobby","id":"\#(id)","by":"Mo"}"#,
      #"{"command":"ban","user":"u\"","room":"r","seconds":60,"by":"arn:x","reason":"line\nbreak"}"#,
    ] {
      _ = try await room.moderate(command)
    }
    let text = try await room.moderate(#"{"command":"audit"}"#)
    struct Result: Decodable {
      let entries: [[String: String]]
      let more: Bool
    }
    let result = try JSONDecoder().decode(Result.self, from: Data(text.utf8))
    #expect(!result.more)
    #expect(result.entries.map { $0["command"] } == ["ban", "delete"])
    #expect(result.entries[0]["user"] == "u\"")
    #expect(result.entries[0]["reason"] == "line\nbreak")
    #expect(result.entries[0]["until"] != nil)
    #expect(result.entries[1]["message"] == id)
    #expect(result.entries.allSatisfy { $0["at"] != nil && $0["by"] != nil })
    let first = try await room.moderate(#"{"command":"audit","limit":1}"#)
    #expect(try JSONDecoder().decode(Result.self, from: Data(first.utf8)).more)
    let before = try #require(result.entries[0]["id"])
    let second = try await room.moderate(#"{"command":"audit","before":"\#(before)"}"#)
    #expect(try JSONDecoder().decode(Result.self, from: Data(second.utf8)).entries.map { $0["command"] } == ["delete"])

    room.moderation.state.withLock { $0.error = Refused() }
    await #expect(throws: Refused.self) {
      _ = try await room.moderate(#"{"command":"disconnect","user":"\#(user)","by":"Mo"}"#)
    }
    #expect(room.gateway.state.withLock { $0.disconnected.isEmpty })
  }

  @Test(
    "A command that is incomplete, malformed or misspelled changes nothing",
    arguments: [
      "", "[]", "{}", #"{"command":1}"#, #"{"command":"drop","by":"Mo"}"#,
      #"{"command":"delete","room":"r","by":"Mo"}"#,
      #"{"command":"delete","room":"r","id":"1","by":"Mo"}"#, #"{"command":"disconnect","by":"Mo"}"#,
      #"{"command":"disconnect","user":"","by":"Mo"}"#, #"{"command":"disconnect","user":"u"}"#,
      #"{"command":"disconnect","user":"u","by":""}"#, #"{"command":"disconnect","user":"u","rom":"r","by":"Mo"}"#,
      #"{"command":"disconnect","user":"u","room":"a b","by":"Mo"}"#, #"{"command":"disconnect","user":1,"by":"Mo"}"#,
      #"{"command":"ban","user":"u","by":"Mo"}"#, #"{"command":"ban","user":"u","seconds":0,"by":"Mo"}"#,
      #"{"command":"ban","user":"u","seconds":31622401,"by":"Mo"}"#,
      #"{"command":"ban","user":"u","seconds":1.5,"by":"Mo"}"#,
      #"{"command":"list"}"#, #"{"command":"list","room":""}"#, #"{"command":"audit","limit":0}"#,
      #"{"command":"audit","before":"x"}"#,
      #"{"command":"unban","user":"u","by":"\#(String(repeating: "x", count: 513))"}"#,
    ])
  func invalid(command: String) async throws {
    try await fill()
    await #expect(throws: InvalidCommand.self) { _ = try await room.moderate(command) }
    #expect(room.moderation.state.withLock { $0.entries.isEmpty })
    #expect(room.gateway.state.withLock { $0.disconnected.isEmpty })
  }
}
