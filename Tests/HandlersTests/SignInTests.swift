import AWS
import Foundation
import JWT
import JWTTestSupport
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// `$connect` with sign-in.
@Suite struct SignInTests {
  private let issuer = TestIssuer()

  private func room(_ settings: [String: String] = [:], origins: String? = nil) throws -> TestRoom {
    TestRoom(rules: ChatRules(signIn: try issuer.signIn(settings), origins: try origins.map { try AllowedOrigins($0) }))
  }

  @Test("A valid token makes the row's person: its subject, and its name; key and name of the query have no effect")
  func accepts() async throws {
    let room = try room()
    let token = try TestIssuer.token(["name": #""Ann Lee""#])
    let response = try await room.connect("a=", ["token": [token], "key": ["secret"], "name": ["Bob"], "room": ["r"]])
    #expect(response == WebSocketResponse(200, "Connected."))
    let row = try #require(room.store.state.withLock { $0.rows.first })
    #expect(row.userID == "person-1")
    #expect(row.name == "Ann Lee")
    #expect(row.room == "r")
    #expect(!row.isReadOnly)
    #expect(
      issuer.requests == [
        "https://issuer.example/pool/.well-known/openid-configuration", "https://keys.example/set",
      ])
    // The keys are cached.
    #expect(try await room.connect("b=", ["token": [token]]).statusCode == 200)
    #expect(issuer.requests.count == 2)
  }

  @Test(
    "The name is the first usable claim, cut and without what names may not have; else the query's",
    arguments: [
      ([:], "Q"), (["name": #""""#, "nickname": #""N""#], "N"),
      (["preferred_username": #""p""#, "nickname": #""N""#], "p"),
      (["name": "1", "cognito:username": #""u""#], "u"), (["username": #""u""#, "email": #""e@x""#], "u"),
      (["name": #""a\u202eb\nc""#], "abc"), (["name": #"" \u200b""#], "Q"), (["email": #""e@x""#], "Q"),
      (["name": "\"\(String(repeating: "x", count: 100))\""], String(repeating: "x", count: 64)),
    ] as [([String: String], String)])
  func names(claims: [String: String], expected: String) async throws {
    let room = try room()
    let token = try TestIssuer.token(claims.mapValues { $0 })
    #expect(try await room.connect("a=", ["token": [token], "name": ["Q"]]).statusCode == 200)
    #expect(room.store.state.withLock { $0.rows.first?.name } == expected)
  }

  @Test(
    "Any other token is refused with 401, the log says why and quotes nothing",
    arguments: [
      (["iss": #""https://issuer.example""#], "another issuer"), (["aud": #""other""#], "another audience"),
      (["aud": nil], "no client_id"), (["exp": "1"], "expired"), (["exp": nil], "exp"),
      (["nbf": "9999999999"], "not valid yet"),
      (["sub": nil], "sub"), (["sub": #""""#], "sub"), (["token_use": #""refresh""#], "token_use"),
      (["token_use": "1"], "token_use"),
    ] as [([String: String?], String)])
  func refuses(claims: [String: String?], reason: String) async throws {
    let room = try room()
    let token = try TestIssuer.token(claims)
    try await expectRefused(room, ["token": [token]], 401, reason)
  }

  @Test("No token, and what is none")
  func noToken() async throws {
    let room = try room()
    let token = try TestIssuer.token()
    try await expectRefused(room, [:], 401, "no token")
    for text in [
      "a", "a.b.c", String(token.dropLast()), token + "A", token + "." + token, String(repeating: "a", count: 9000),
    ] {
      try await expectRefused(room, ["token": [text]], 401, "token")
    }
    let none = Array(#"{"alg":"none"}"#.utf8).base64URL + "." + token.split(separator: ".")[1] + "."
    try await expectRefused(room, ["token": [none]], 401, "token")
    #expect(try await room.connect("a=", ["token": [token, token]]).statusCode == 400)
    #expect(try await room.connect("a=", ["token": [""]]).statusCode == 400)
  }

  @Test("token_use can be required")
  func tokenUse() async throws {
    let room = try room(["TOKEN_USE": "id"])
    try await expectRefused(room, ["token": [try TestIssuer.token()]], 401, "token_use")
    try await expectRefused(room, ["token": [try TestIssuer.token(["token_use": #""access""#])]], 401, "token_use")
    #expect(try await room.connect("a=", ["token": [try TestIssuer.token(["token_use": #""id""#])]]).statusCode == 200)
  }

  @Test("A client id is accepted instead of an audience, as in Cognito's access tokens")
  func clientID() async throws {
    let token = try TestIssuer.token(["aud": nil, "client_id": #""chat""#, "token_use": #""access""#])
    #expect(try await room().connect("a=", ["token": [token]]).statusCode == 200)
  }

  @Test("The claim of rooms decides who enters, and who writes")
  func rooms() async throws {
    let room = try room(["ROOMS_CLAIM": "rooms"])
    let token = try TestIssuer.token(["rooms": #"["kitchen","hall:read"]"#])
    #expect(try await room.connect("a=", ["token": [token], "room": ["kitchen"]]).statusCode == 200)
    #expect(try await room.connect("b=", ["token": [token], "room": ["hall"]]).statusCode == 200)
    #expect(room.store.state.withLock { $0.rows.map(\.isReadOnly) } == [false, true])
    try await expectRefused(room, ["token": [token]], 403, "does not allow the room")
    let malformed = try TestIssuer.token(["rooms": "{}"])
    try await expectRefused(room, ["token": [malformed], "room": ["kitchen"]], 403, "malformed")
    #expect(try await room.connect("c=", ["token": [try TestIssuer.token()], "room": ["any"]]).statusCode == 200)
    // Who may only read hears, and is refused.
    try await room.send(#"{"action":"enter"}"#, from: "b=")
    #expect(room.texts("b=").first?.contains(#""room":"hall","access":"read","#) == true)
    #expect(try await room.send(#"{"action":"send","message":1,"clientId":"7"}"#, from: "b=").statusCode == 200)
    #expect(room.texts("b=").last?.contains(#""code":"forbidden""#) == true)
    #expect(try await room.send(#"{"hello":1}"#, from: "b=").statusCode == 403)
    #expect(room.messages.state.withLock { $0.kept.isEmpty })
  }

  @Test("A connection without a row is not signed in")
  func noRow() async throws {
    let room = try room()
    for frame in [
      #"{"action":"enter"}"#, #"{"action":"send","message":1}"#, #"{"action":"history"}"#, #"{"action":"who"}"#,
    ] {
      try await room.send(frame, from: "a=")
      #expect(room.texts("a=").last?.contains(#""code":"forbidden""#) == true, "\(frame)")
    }
    #expect(try await room.send(#"{"hello":1}"#, from: "a=").statusCode == 403)
    #expect(room.store.connectionIDs.isEmpty)
  }

  @Test("A handshake without an origin needs a token")
  func origins() async throws {
    let room = try room(origins: "https://chat.example.com")
    let token = try TestIssuer.token()
    #expect(try await room.connect("a=", ["token": [token]]).statusCode == 200)
    let open = TestRoom(rules: ChatRules(origins: try AllowedOrigins("https://chat.example.com")))
    #expect(try await open.connect("a=").statusCode == 403)
  }

  @Test(
    "Keys that cannot be had are 503, and the log says why",
    arguments: [
      ("discovery", 404, "", "status 404"), ("discovery", 200, "[]", "not a JSON object"),
      (
        "discovery", 200, #"{"issuer":"https://other.example","jwks_uri":"https://keys.example/set"}"#, "another issuer"
      ),
      ("discovery", 200, #"{"issuer":"https://issuer.example/pool","jwks_uri":"http://keys.example/set"}"#, "jwks_uri"),
      ("discovery", 200, #"{"issuer":"https://issuer.example/pool"}"#, "jwks_uri"),
      ("keys", 500, "", "status 500"), ("keys", 200, #"{"keys":[]}"#, "JWK Set"),
    ])
  func noKeys(document: String, status: Int, body: String, reason: String) async throws {
    let address =
      document == "keys"
      ? "https://keys.example/set" : "https://issuer.example/pool/.well-known/openid-configuration"
    issuer.answer(address, status, body)
    try await expectRefused(room(), ["token": [try TestIssuer.token()]], 503, reason)
  }

  @Test("TOKEN_JWKS replaces the discovery")
  func keysElsewhere() async throws {
    let room = try room(["TOKEN_JWKS": "https://keys.example/set"])
    #expect(try await room.connect("a=", ["token": [try TestIssuer.token()]]).statusCode == 200)
    #expect(issuer.requests == ["https://keys.example/set"])
  }

  private func expectRefused(
    _ room: TestRoom, _ query: [String: [String]], _ status: Int, _ reason: String
  ) async throws {
    let earlier = room.log.all.count
    let response = try await room.connect("refused=", query)
    #expect(response == WebSocketResponse(status, "Refused."))
    #expect(!room.store.connectionIDs.contains("refused="))
    let lines = room.log.all.dropFirst(earlier)
    #expect(lines.count == 1)
    #expect(lines.first?.contains(reason) == true, "\(lines)")
    for token in query["token"] ?? [] where token.count > 8 {
      #expect(lines.first?.contains(token.prefix(40)) == false)
    }
    #expect(lines.first?.contains("person-1") == false)
  }
}
