import AWS
import Foundation
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// `enter`, `who`, and the announcements of joins and leaves.
@Suite(.timeLimit(.minutes(10)))
struct EnterHandlerTests {
  private let room = TestRoom()
  private let enter = #"{"action":"enter"}"#

  private func user(_ id: String, _ name: String = "Guest") -> ReceivedFrame.User {
    .init(id: Person.id(connectionID: id), name: name)
  }

  /// The row of a person who entered long ago.
  private func oldRow(_ id: String) -> Connection {
    Connection(connectionID: id, timestamp: nil, expiresAt: nil, userID: "u" + id, enteredAt: 1)
  }

  @Test("The person gets the state of the room, and those who entered hear of the join")
  func enters() async throws {
    try await room.join("a=", ["name": ["Ann"], "room": ["r"]])
    #expect(
      room.texts("a=") == [
        #"{"type":"entered","you":{"id":"\#(Person.id(connectionID: "a="))","name":"Ann"},"room":"r","#
          + #""users":[{"id":"\#(Person.id(connectionID: "a="))","name":"Ann"}],"count":1,"messages":[],"more":false}"#
      ])
    // Neither a client in the room that has not entered, nor one elsewhere.
    try await room.connect("seed=", ["room": ["r"]])
    try await room.join("lobby=")
    try await room.join("b=", ["name": ["Bob"], "room": ["r"]])
    let entered = try #require(try room.frames("b=").first)
    #expect(entered.you == user("b=", "Bob"))
    #expect(entered.users == [user("a=", "Ann"), user("b=", "Bob")])
    #expect(entered.count == 2)
    #expect(
      room.texts("a=") == [
        #"{"type":"presence","event":"join","user":{"id":"\#(Person.id(connectionID: "b="))","name":"Bob"},"count":2}"#
      ])
    #expect(room.texts("seed=").isEmpty)
    #expect(try room.frames("lobby=").map(\.type) == ["entered"])
  }

  @Test("Entering again is answered, but not announced")
  func entersAgain() async throws {
    try await room.join("a=")
    try await room.join("b=")
    let before = room.store.state.withLock { $0.rows }
    room.clear()
    #expect(try await room.send(enter, from: "b=") == WebSocketResponse(200))
    #expect(try room.frames("b=").map(\.count) == [2])
    #expect(room.texts("a=").isEmpty)
    #expect(Set(room.store.connectionIDs) == Set(before.map(\.connectionID)))
    #expect(room.store.state.withLock { $0.rows.last } == before.last)
  }

  @Test("A person joins with the first socket and leaves with the last")
  func oneKey() async throws {
    try await room.join("a=")
    try await room.join("b1=", ["key": ["k"], "name": ["Bob"]])
    try await room.join("b2=", ["key": ["k"], "name": ["Bobby"]])
    let bob = ReceivedFrame.User(id: Person.id(key: "k"), name: "Bob")
    let heard = try room.frames("a=").dropFirst()
    #expect(heard.map(\.event) == ["join"])
    #expect(heard.first?.user == bob)
    #expect(try room.frames("b2=").first?.users == [user("a="), bob])
    #expect(try room.frames("b1=").map(\.type) == ["entered"])
    room.clear()
    #expect(try await room.disconnect("b1=") == WebSocketResponse(200, "Disconnected."))
    #expect(room.texts("a=").isEmpty)
    #expect(try await room.disconnect("b2=") == WebSocketResponse(200, "Disconnected."))
    #expect(
      room.texts("a=") == [
        #"{"type":"presence","event":"leave","user":{"id":"\#(bob.id)","name":"Bobby"},"count":1}"#
      ])
  }

  @Test("A connection that has not entered is announced neither as a join nor as a leave")
  func seedClient() async throws {
    try await room.join("a=")
    room.clear()
    try await room.connect("b=")
    #expect(try await room.disconnect("b=").statusCode == 200)
    #expect(try await room.disconnect("b=").statusCode == 200)
    #expect(room.texts("a=").isEmpty)
  }

  @Test("A leave is announced when a message finds the connection gone")
  func prunes() async throws {
    for isSeed in [false, true] {
      let room = TestRoom { id, _ in if id == "b=" { throw ConnectionGone() } }
      for id in ["a=", "b=", "c="] {
        try await room.store.add(oldRow(id))
      }
      try await room.send(isSeed ? "{}" : #"{"action":"send","message":1}"#, from: "a=")
      #expect(room.store.connectionIDs.sorted() == ["a=", "c="])
      for id in ["a=", "c="] {
        let frame = try #require(try room.frames(id).first { $0.type == "presence" })
        #expect(frame.event == "leave")
        #expect(frame.user?.id == "ub=")
        #expect(frame.count == 2)
      }
    }
  }

  @Test("A leave that finds further connections gone announces those too")
  func cascades() async throws {
    let room = TestRoom { id, _ in if id != "a=" { throw ConnectionGone() } }
    for id in ["a=", "b=", "c=", "d="] {
      try await room.store.add(oldRow(id))
    }
    #expect(try await room.disconnect("d=").statusCode == 200)
    let frames = try room.frames("a=")
    #expect(Set(frames.map(\.user?.id)) == ["ub=", "uc=", "ud="])
    #expect(frames.map(\.event) == ["leave", "leave", "leave"])
    #expect(frames.last?.count == 1)
    #expect(room.store.connectionIDs == ["a="])
  }

  @Test("A deleted socket that the index still shows does not keep its person in the room")
  func staleIndex() async throws {
    try await room.join("a=")
    try await room.join("b1=", ["key": ["k"]])
    try await room.join("b2=", ["key": ["k"]])
    // The index never catches up.
    room.store.state.withLock { $0.indexed = $0.rows }
    room.clear()
    #expect(try await room.disconnect("b1=").statusCode == 200)
    #expect(room.texts("a=").isEmpty)
    #expect(try await room.disconnect("b2=").statusCode == 200)
    #expect(try room.frames("a=").map(\.event) == ["leave"])
    // A new socket joins, though the index shows an earlier one of the same person.
    room.clear()
    try await room.join("b3=", ["key": ["k"]])
    #expect(try room.frames("a=").map(\.event) == ["join"])
  }

  @Test("Expired rows are not people")
  func expired() async throws {
    try await room.store.add(
      Connection(connectionID: "old=", timestamp: nil, expiresAt: 1_795_000_000, userID: "o", enteredAt: 1))
    try await room.join("a=")
    #expect(try room.frames("a=").first?.users == [user("a=")])
  }

  @Test("A client without a row is entered into the lobby as a nameless person")
  func withoutRow() async throws {
    #expect(try await room.send(enter, from: "x=") == WebSocketResponse(200))
    let frame = try #require(try room.frames("x=").first)
    #expect(frame.you == user("x="))
    #expect(frame.room == "lobby")
    #expect(room.store.state.withLock { $0.rows.first?.expiresAt } != nil)
    #expect(room.store.state.withLock { $0.rows.first?.timestamp } != nil)
  }

  @Test("A person whom the index does not show yet is in the state of the room")
  func missingInIndex() async throws {
    try await room.connect("a=")
    room.store.state.withLock { $0.indexed = [] }
    try await room.send(enter, from: "a=")
    #expect(try room.frames("a=").first?.users == [user("a=")])
  }

  @Test("Joins and leaves are announced in rooms of up to the limit")
  func presenceLimit() async throws {
    let room = TestRoom(presenceLimit: 2)
    try await room.join("a=")
    try await room.join("b=")
    #expect(try room.frames("a=").map(\.type) == ["entered", "presence"])
    try await room.join("c=")
    #expect(room.texts("a=").isEmpty)
    #expect(try room.frames("c=").first?.count == 3)
    _ = try await room.disconnect("c=")
    #expect(try room.frames("a=").map(\.count) == [2])
    let silent = TestRoom(presenceLimit: 0)
    try await silent.join("a=")
    try await silent.join("b=")
    #expect(try silent.frames("a=").map(\.type) == ["entered"])
  }

  @Test("who answers with the people, and does not enter")
  func who() async throws {
    try await room.join("a=", ["name": ["Ann"]])
    try await room.connect("b=")
    room.clear()
    #expect(try await room.send(#"{"action":"who"}"#, from: "b=") == WebSocketResponse(200))
    #expect(
      room.texts("b=") == [
        #"{"type":"who","users":[{"id":"\#(Person.id(connectionID: "a="))","name":"Ann"}],"count":1}"#
      ])
    #expect(room.texts("a=").isEmpty)
  }

  @Test("A room that cannot be read is unavailable")
  func unreadable() async throws {
    try await room.connect("a=")
    room.store.state.withLock { $0.roomError = Refused() }
    for action in ["enter", "who"] {
      #expect(try await room.send(#"{"action":"\#(action)"}"#, from: "a=") == WebSocketResponse(500))
      #expect(try room.frames("a=").map(\.code) == ["unavailable"])
    }
    // $disconnect deletes the row, and reports that the leave could not be announced.
    #expect(try await room.disconnect("a=") == .failed)
    #expect(room.store.connectionIDs.isEmpty)
  }

  @Test("A client that is gone when it is answered is deleted and not announced")
  func goneWhileEntering() async throws {
    let room = TestRoom { id, _ in if id == "b=" { throw ConnectionGone() } }
    try await room.join("a=")
    try await room.connect("b=")
    #expect(try await room.send(enter, from: "b=") == WebSocketResponse(200))
    #expect(room.store.connectionIDs == ["a="])
    #expect(try room.frames("a=").map(\.type) == ["entered"])
  }
}
