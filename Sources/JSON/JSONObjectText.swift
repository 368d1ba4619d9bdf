/// Writes one JSON object (RFC 8259), member by member.
package struct JSONObjectText {
  private var text: [UInt8] = [UInt8(ascii: "{")]

  /// Creates an object without members.
  package init() {}

  /// The object's text in UTF-8.
  package var bytes: [UInt8] { text + [UInt8(ascii: "}")] }

  /// Appends a member whose value is a string.
  package mutating func add(_ name: String, _ value: String) {
    start(name)
    Self.append(value, to: &text)
  }

  /// Appends a member whose value is a whole number.
  package mutating func add(_ name: String, _ value: Int) {
    start(name)
    text += "\(value)".utf8
  }

  /// Appends a member whose value is a number; one that JSON cannot represent is a string, such as `Infinity`.
  package mutating func add(_ name: String, _ value: Double) {
    start(name)
    if let integer = Int64(exactly: value) {
      text += "\(integer)".utf8
    } else if value.isFinite {
      text += "\(value)".utf8
    } else {
      Self.append(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity", to: &text)
    }
  }

  /// Appends a member whose value is a Boolean.
  package mutating func add(_ name: String, _ value: Bool) {
    start(name)
    text += (value ? "true" : "false").utf8
  }

  /// Appends a member whose value is JSON text, byte for byte.
  package mutating func add(_ name: String, json: [UInt8]) {
    start(name)
    text += json
  }

  /// Appends a member whose value is an array of JSON texts.
  package mutating func add(_ name: String, array elements: [[UInt8]]) {
    start(name)
    text.append(UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      text += element
    }
    text.append(UInt8(ascii: "]"))
  }

  /// Appends a member whose value is an array of strings.
  package mutating func add(_ name: String, strings: [String]) {
    start(name)
    Self.append(strings, to: &text)
  }

  /// Appends a member whose value is an array of arrays of strings.
  package mutating func add(_ name: String, arrays: [[String]]) {
    add(
      name,
      array: arrays.map { strings in
        var json: [UInt8] = []
        Self.append(strings, to: &json)
        return json
      })
  }

  private static func append(_ strings: [String], to text: inout [UInt8]) {
    text.append(UInt8(ascii: "["))
    for (index, string) in strings.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      append(string, to: &text)
    }
    text.append(UInt8(ascii: "]"))
  }

  private mutating func start(_ name: String) {
    if text.count > 1 { text.append(UInt8(ascii: ",")) }
    Self.append(name, to: &text)
    text.append(UInt8(ascii: ":"))
  }

  /// Appends a string, escaping what section 7 requires: quotation mark, reverse solidus and control characters.
  package static func append(_ string: String, to text: inout [UInt8]) {
    var string = string
    text.append(UInt8(ascii: "\""))
    string.withUTF8 { bytes in
      if bytes.contains(where: isEscaped) {
        for byte in bytes { append(byte, to: &text) }
      } else {
        text.append(contentsOf: bytes)
      }
    }
    text.append(UInt8(ascii: "\""))
  }

  private static func isEscaped(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private static func append(_ byte: UInt8, to text: inout [UInt8]) {
    guard isEscaped(byte) else { return text.append(byte) }
    text.append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: text.append(UInt8(ascii: "b"))
    case 0x09: text.append(UInt8(ascii: "t"))
    case 0x0A: text.append(UInt8(ascii: "n"))
    case 0x0C: text.append(UInt8(ascii: "f"))
    case 0x0D: text.append(UInt8(ascii: "r"))
    case 0x20...: text.append(byte)
    default:
      text += "u00".utf8
      for digit in [byte >> 4, byte & 0xF] {
        text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      }
    }
  }
}
