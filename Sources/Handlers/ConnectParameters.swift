import WebSocketAPI

/// The parameters of `$connect`, from the query of the WebSocket URL. Others are ignored.
struct ConnectParameters {
  /// A parameter that is malformed.
  struct Invalid: Error {
    let name: String
    let rule: String

    /// A sentence that names the parameter and does not quote its value.
    var message: String { "The parameter \(name) \(rule)." }
  }

  /// The rule for a room's name, as the end of a sentence.
  static let roomRule = "must be 1 to 64 letters, digits, dots, underscores and hyphens"
  private static let maximumRoomLength = 64
  private static let maximumKeyLength = 128

  let room: String
  /// `nil` if the person gave none.
  let name: String?
  /// A secret that the client chooses; `nil` if it sent none.
  let key: String?
  /// A JSON Web Token, unverified; `nil` if the client gave none.
  let token: String?

  /// Reads the parameters of a CONNECT event.
  init(_ event: WebSocketEvent) throws(Invalid) {
    room =
      try Self.value("room", event, rule: Self.roomRule, isValid: Self.isRoom) ?? Connection.defaultRoom
    name = try Self.value("name", event, rule: "must be 1 to 64 characters, at least one visible") { Person.isName($0) }
    // Sign-in checks its form.
    token = try Self.value("token", event, rule: "must not be empty") { _ in true }
    key = try Self.value("key", event, rule: "must be 1 to 128 printable ASCII characters without spaces") {
      $0.utf8.count <= Self.maximumKeyLength && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
  }

  /// Whether a text is the name of a room.
  static func isRoom(_ text: String) -> Bool {
    (1...maximumRoomLength).contains(text.utf8.count) && text.unicodeScalars.allSatisfy { $0.isRoomCharacter }
  }

  private static func value(
    _ name: String, _ event: WebSocketEvent, rule: String, isValid: (String) -> Bool
  ) throws(Invalid) -> String? {
    let single = event.queryStringParameters[name]
    let values = event.multiValueQueryStringParameters[name] ?? single.map { [$0] } ?? []
    guard values.count <= 1 else { throw Invalid(name: name, rule: "must not be repeated") }
    guard let value = values.first ?? single else { return nil }
    guard !value.isEmpty, isValid(value) else { throw Invalid(name: name, rule: rule) }
    return value
  }
}

extension Unicode.Scalar {
  /// Whether a room's name may hold the character.
  var isRoomCharacter: Bool {
    isASCII && (properties.isAlphabetic || ("0"..."9").contains(self) || self == "." || self == "_" || self == "-")
  }
}
