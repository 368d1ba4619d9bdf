import JSON

/// A JSON value as a tree.
indirect enum JSONTree: Equatable {
  case object([String: JSONTree])
  case array([JSONTree])
  case string(String)
  /// A number or literal by its text.
  case other(String)

  init(_ bytes: [UInt8]) throws {
    var scanner = JSONScanner(bytes)
    self = try Self.read(&scanner)
    try scanner.end()
  }

  private static func read(_ scanner: inout JSONScanner) throws(JSONScanner.Mismatch) -> JSONTree {
    switch scanner.peek() {
    case UInt8(ascii: "{"):
      var members: [String: JSONTree] = [:]
      try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in members[name] = try read(&scanner) }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSONTree] = []
      try scanner.array { scanner throws(JSONScanner.Mismatch) in elements.append(try read(&scanner)) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try scanner.string())
    default: return .other(try scanner.text())
    }
  }

  subscript(_ name: String) -> JSONTree? { object?[name] }

  var object: [String: JSONTree]? { if case .object(let members) = self { members } else { nil } }
  var array: [JSONTree]? { if case .array(let elements) = self { elements } else { nil } }
  var string: String? { if case .string(let text) = self { text } else { nil } }
  var int: Int? { if case .other(let text) = self { Int(text) } else { nil } }
  var isTrue: Bool { self == .other("true") }

  /// The members that are strings.
  var strings: [String: String] { (object ?? [:]).compactMapValues(\.string) }
}
