import Foundation
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// Limits and bans.
@Suite struct ConnectRulesTests {
  @Test("A person has so many connections; expired rows and other people do not count")
  func connections() async throws {
    let room = TestRoom(rules: ChatRules(connectionsPerUser: 2))
    try await room.store.add(
      Connection(connectionID: "old=", timestamp: nil, expiresAt: 1, userID: Person.id(key: "k")))
    #expect(try await room.connect("a=", ["key": ["k"]]).statusCode == 200)
    #expect(try await room.connect("b=", ["key": ["k"], "room": ["r"]]).statusCode == 200)
    #expect(try await room.connect("c=", ["key": ["k"]]) == WebSocketResponse(429, "Refused."))
    #expect(room.log.all.last?.contains("2 connections") == true)
    #expect(try await room.connect("d=", ["key": ["other"]]).statusCode == 200)
    // Each connection without a key is another person.
    for id in ["e=", "f=", "g="] { #expect(try await room.connect(id).statusCode == 200) }
    _ = try await room.disconnect("a=")
    #expect(try await room.connect("c=", ["key": ["k"]]).statusCode == 200)
    // A handshake that API Gateway repeats.
    #expect(try await room.connect("c=", ["key": ["k"]]).statusCode == 200)
  }

  @Test("A banned person is refused for that time: from a room or from all")
  func bans() async throws {
    let room = TestRoom()
    let now = Int(Date().timeIntervalSince1970)
    try await room.moderation.ban(Person.id(key: "k"), from: "r", until: now + 3600)
    try await room.moderation.ban(Person.id(key: "l"), from: nil, until: now + 3600)
    try await room.moderation.ban(Person.id(key: "m"), from: nil, until: now - 1)
    #expect(try await room.connect("a=", ["key": ["k"], "room": ["r"]]) == WebSocketResponse(403, "Refused."))
    #expect(try await room.connect("a=", ["key": ["k"]]).statusCode == 200)
    #expect(try await room.connect("b=", ["key": ["l"]]).statusCode == 403)
    #expect(try await room.connect("c=", ["key": ["m"]]).statusCode == 200)
  }

  @Test("If bans or connections cannot be read, the handshake is refused")
  func unreadable() async throws {
    let room = TestRoom(rules: ChatRules(connectionsPerUser: 2))
    room.moderation.state.withLock { $0.error = Refused() }
    #expect(try await room.connect("a=", ["key": ["k"]]) == .failed)
    room.moderation.state.withLock { $0.error = nil }
    room.store.state.withLock { $0.roomError = Refused() }
    #expect(try await room.connect("a=", ["key": ["k"]]) == .failed)
    #expect(room.store.connectionIDs.isEmpty)
    // Without a key there is nothing to read.
    #expect(try await room.connect("a=").statusCode == 200)
  }

  @Test("Beyond the limit a message is refused with the time to wait, and no one receives it")
  func limit() async throws {
    let room = TestRoom(rules: ChatRules(messageLimit: MessageLimit(perSecond: 5, burst: 20)))
    try await room.connect("a=")
    try await room.connect("b=")
    room.store.state.withLock { $0.admission = { .refused($0, retryAfter: .microseconds(1_234_001)) } }
    #expect(try await room.send(#"{"action":"send","message":1,"clientId":"7"}"#, from: "a=") == WebSocketResponse(200))
    let refusal = try #require(try room.frames("a=").first)
    #expect(refusal.type == "error" && refusal.code == "rate_limited" && refusal.clientId == "7")
    #expect(refusal.retryAfterMs == 1235)
    #expect(try await room.send(#"{"hello":1}"#, from: "a=").statusCode == 429)
    #expect(try room.frames("a=").first?.code == "rate_limited")
    #expect(room.texts("b=").isEmpty)
    #expect(room.messages.state.withLock { $0.kept.isEmpty })
    #expect(room.gateway.state.withLock { $0.disconnected.isEmpty })
    // What only reads is not counted.
    try await room.send(#"{"action":"who"}"#, from: "a=")
    #expect(try room.frames("a=").first?.type == "who")
  }

  @Test("A client that floods is disconnected")
  func flood() async throws {
    let room = TestRoom(rules: ChatRules(messageLimit: MessageLimit(perSecond: 5, burst: 20)))
    try await room.connect("a=")
    room.store.state.withLock { $0.admission = { .flood($0) } }
    try await room.send(#"{"action":"send","message":1}"#, from: "a=")
    #expect(room.gateway.state.withLock { $0.disconnected } == ["a="])
    #expect(try await room.send(#"{"hello":1}"#, from: "a=").statusCode == 429)
    #expect(room.gateway.state.withLock { $0.disconnected } == ["a=", "a="])
  }

  @Test("Without a row the limit does not apply: the client is a nameless person in the lobby")
  func unknown() async throws {
    let room = TestRoom(rules: ChatRules(messageLimit: MessageLimit(perSecond: 5, burst: 20)))
    #expect(try await room.send(#"{"action":"send","message":1}"#, from: "a=").statusCode == 200)
    #expect(try room.frames("a=").first?.type == "message")
  }
}
