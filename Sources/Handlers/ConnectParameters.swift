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

  private static let maximumRoomLength = 64
  private static let maximumNameLength = 64
  private static let maximumKeyLength = 128

  let room: String
  /// `nil` if the person gave none.
  let name: String?
  /// A secret that the client chooses; `nil` if it sent none.
  let key: String?

  /// Reads the parameters of a CONNECT event.
  init(_ event: WebSocketEvent) throws(Invalid) {
    room =
      try Self.value("room", event, rule: "must be 1 to 64 letters, digits, dots, underscores and hyphens") {
        $0.utf8.count <= Self.maximumRoomLength && $0.unicodeScalars.allSatisfy { $0.isRoomCharacter }
      } ?? Connection.defaultRoom
    name = try Self.value("name", event, rule: "must be 1 to 64 visible characters") {
      $0.unicodeScalars.count <= Self.maximumNameLength && $0.unicodeScalars.allSatisfy { $0.isNameCharacter }
        && $0.unicodeScalars.contains { $0.isVisible }
    }
    key = try Self.value("key", event, rule: "must be 1 to 128 printable ASCII characters without spaces") {
      $0.utf8.count <= Self.maximumKeyLength && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
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
  fileprivate var isRoomCharacter: Bool {
    isASCII && (properties.isAlphabetic || ("0"..."9").contains(self) || self == "." || self == "_" || self == "-")
  }

  /// Not a control character, a separator of lines, or a mark that reorders the text around it (UAX #9).
  fileprivate var isNameCharacter: Bool {
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: return false
    default: break
    }
    switch self {
    case "\u{061C}", "\u{200E}", "\u{200F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": return false
    default: return true
    }
  }

  /// Neither white space nor ignored by default when text is shown.
  fileprivate var isVisible: Bool { !properties.isWhitespace && !properties.isDefaultIgnorableCodePoint }
}
