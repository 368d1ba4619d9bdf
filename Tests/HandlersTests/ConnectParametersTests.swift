import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// The query of `$connect`.
@Suite struct ConnectParametersTests {
  private let room = TestRoom()

  private func expectRefused(_ name: String, _ query: [String: [String]]) async throws {
    let response = try await room.connect("a=", query)
    #expect(response.statusCode == 400)
    #expect(response.body.contains("parameter \(name) "))
    #expect(room.store.connectionIDs.isEmpty)
    for value in query.values.joined() where value.count > 4 { #expect(!response.body.contains(value)) }
  }

  @Test("Without parameters the row has the lobby, no name, and an id of the connection's own")
  func defaults() async throws {
    #expect(try await room.connect("a=") == WebSocketResponse(200, "Connected."))
    let row = try #require(room.store.state.withLock { $0.rows.first })
    #expect(row.room == "lobby")
    #expect(row.name == nil)
    #expect(row.enteredAt == nil)
    // base64url of SHA-256("connection:a=")
    #expect(row.userID == Person.id(connectionID: "a="))
    #expect(row.userID?.wholeMatch(of: /[A-Za-z0-9_-]{22}/) != nil)
  }

  @Test("The id of a person is a hash of the key, and the key is not stored")
  func identity() async throws {
    // python3 -c "import base64,hashlib; print(base64.urlsafe_b64encode(hashlib.sha256(b'key:secret').digest()[:16]))"
    #expect(Person.id(key: "secret") == "MJWzQV0tihn3EyZnN6eMCQ")
    #expect(Person.id(connectionID: "secret") == "0tx0IqCUZK8Kjzfimn2zow")
    try await room.connect("a=", ["key": ["secret"], "name": ["Ann"], "room": ["r"]])
    let row = try #require(room.store.state.withLock { $0.rows.first })
    #expect(row.userID == Person.id(key: "secret"))
    #expect(!"\(row)".contains("secret"))
  }

  @Test(
    "Valid rooms", arguments: ["a", "lobby", "A.b_c-9", "..", String(repeating: "x", count: 64)])
  func rooms(name: String) async throws {
    #expect(try await room.connect("a=", ["room": [name]]).statusCode == 200)
    #expect(room.store.state.withLock { $0.rows.first?.room } == name)
  }

  @Test(
    "Malformed rooms",
    arguments: ["", " ", "a b", "a/b", "#a", "é", "\u{FF41}", "a\n", "a\0", String(repeating: "x", count: 65)])
  func malformedRooms(name: String) async throws { try await expectRefused("room", ["room": [name]]) }

  @Test(
    "Valid names",
    arguments: [
      "a", "Ann Lee", " Ann ", "Zoë", "e\u{301}", "李", "👩‍👩‍👧", "\"\\<b>", "عمر", "a\u{200D}b",
      String(repeating: "🎉", count: 64),
    ])
  func names(name: String) async throws {
    #expect(try await room.connect("a=", ["name": [name]]).statusCode == 200)
    // Byte for byte: no normalization.
    #expect(room.store.state.withLock { $0.rows.first?.name.map { Array($0.utf8) } } == Array(name.utf8))
  }

  @Test(
    "Malformed names",
    arguments: [
      "", " ", "\u{3000}\u{A0}", "\u{200B}", "\u{2060}\u{FEFF}", "a\tb", "a\n", "a\u{7F}", "a\u{85}", "\0",
      "a\u{1B}[1m",
      "a\u{202E}b", "\u{202A}a", "a\u{2066}", "a\u{2069}", "\u{200E}a", "a\u{200F}", "\u{061C}a", "a\u{2028}b",
      "a\u{2029}", String(repeating: "x", count: 65), String(repeating: "e\u{301}", count: 33),
    ])
  func malformedNames(name: String) async throws { try await expectRefused("name", ["name": [name]]) }

  @Test("Valid keys", arguments: ["a", "~!\"%&=", String(repeating: "k", count: 128)])
  func keys(key: String) async throws {
    #expect(try await room.connect("a=", ["key": [key]]).statusCode == 200)
  }

  @Test("Malformed keys", arguments: ["", "a b", "é", "a\n", "\u{7F}", "\t", String(repeating: "k", count: 129)])
  func malformedKeys(key: String) async throws { try await expectRefused("key", ["key": [key]]) }

  @Test("Repeated parameters", arguments: ["room", "name", "key"])
  func repeated(name: String) async throws {
    try await expectRefused(name, [name: ["a", "a"]])
    try await expectRefused(name, [name: ["a", ""]])
  }

  @Test("Other parameters are ignored")
  func others() async throws {
    #expect(try await room.connect("a=", ["Room": ["a b"], "from": ["x", "y"], "id": [""]]).statusCode == 200)
  }

  @Test("An event with single values only, as in an event file")
  func singleValues() throws {
    let json = #"{"requestContext":{"connectionId":"a="},"queryStringParameters":{"room":"r","name":"Ann"}}"#
    let parameters = try ConnectParameters(WebSocketEvent(json: Array(json.utf8)))
    #expect(parameters.room == "r")
    #expect(parameters.name == "Ann")
    #expect(parameters.key == nil)
  }
}
