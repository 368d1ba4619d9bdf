import JSON

/// A JSON value (RFC 8259), as a claim holds it.
public enum JSONValue: Sendable, Equatable {
  /// The literal `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number as the nearest `Double`: integers beyond 2^53 lose precision.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object. Names that are canonically equivalent in Unicode are one name.
  case object([String: JSONValue])

  /// The string, or `nil` for a value of another type.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements, or `nil` for a value of another type.
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

  /// The members, or `nil` for a value of another type.
  public var object: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }

  /// The elements of an array of strings, or `nil` for a value of another type.
  public var strings: [String]? {
    guard let array else { return nil }
    let strings = array.compactMap(\.string)
    return strings.count == array.count ? strings : nil
  }
}

extension JSONValue {
  /// The deepest nesting that is parsed; a bound on recursion.
  static let maximumDepth = 32

  /// Parses a text.
  ///
  /// - Throws: `JSONScanner.Mismatch` for text that is not JSON or not UTF-8, for a name that repeats within an object
  ///   (RFC 7515 §4, RFC 7519 §4), a lone surrogate, a number beyond `Double`, and nesting deeper than `maximumDepth`.
  init(parsing text: [UInt8]) throws(JSONScanner.Mismatch) {
    guard String(validating: text, as: UTF8.self) != nil else { throw JSONScanner.Mismatch() }
    var scanner = JSONScanner(text)
    self = try scanner.value(depth: 0)
    try scanner.end()
  }
}

extension JSONScanner {
  fileprivate mutating func value(depth: Int) throws(Mismatch) -> JSONValue {
    guard depth <= JSONValue.maximumDepth else { throw Mismatch() }
    switch peek() {
    case UInt8(ascii: "{"):
      var members: [String: JSONValue] = [:]
      try object { (name, scanner) throws(Mismatch) in
        let value = try scanner.value(depth: depth + 1)
        guard members.updateValue(value, forKey: name) == nil else { throw Mismatch() }
      }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSONValue] = []
      try array { (scanner) throws(Mismatch) in elements.append(try scanner.value(depth: depth + 1)) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(try bool())
    case UInt8(ascii: "n"):
      guard null() else { throw Mismatch() }
      return .null
    default: return .number(try number())
    }
  }
}

extension String {
  /// Whether both strings have the same bytes in UTF-8, without Unicode normalization (RFC 7515 §5.3, RFC 7519 §2).
  func isIdentical(to other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
