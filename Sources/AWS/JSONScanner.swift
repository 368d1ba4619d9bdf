/// Goes through a JSON text (RFC 8259) from front to back, by its grammar alone: of a value that nobody asks for nothing
/// is built, and no depth can exhaust the stack.
///
/// `JSONDecoder` takes ten times as long for a page of a table, which was a twelfth of what a broadcast takes.
package struct JSONScanner {
  /// The text is not JSON, or not the JSON that was asked for.
  package struct Mismatch: Error {}

  private enum Container {
    case array, object
  }

  private let bytes: [UInt8]
  private var index = 0

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  // MARK: - Values

  /// Goes past one value of any kind.
  package mutating func skipValue() throws(Mismatch) {
    var open: [Container] = []
    while true {
      // Here a value begins.
      if consume(UInt8(ascii: "{")) {
        if !consume(UInt8(ascii: "}")) {
          try skipName()
          open.append(.object)
          continue
        }
      } else if consume(UInt8(ascii: "[")) {
        if !consume(UInt8(ascii: "]")) {
          open.append(.array)
          continue
        }
      } else {
        try skipScalar()
      }
      // Here a value has ended, and with it perhaps what it stands in.
      while true {
        guard let container = open.last else { return }
        if consume(UInt8(ascii: ",")) {
          if container == .object { try skipName() }
          break
        }
        try expect(container == .array ? UInt8(ascii: "]") : UInt8(ascii: "}"))
        open.removeLast()
      }
    }
  }

  /// Goes through an object.
  ///
  /// - Parameter member: is called for each member, where its value begins, and has to go past it.
  mutating func object(
    _ member: (_ name: String, _ scanner: inout JSONScanner) throws(Mismatch) -> Void
  ) throws(Mismatch) {
    try expect(UInt8(ascii: "{"))
    guard !consume(UInt8(ascii: "}")) else { return }
    repeat {
      let name = try string()
      try expect(UInt8(ascii: ":"))
      try member(name, &self)
    } while consume(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"))
  }

  /// Goes through an array.
  ///
  /// - Parameter element: is called where each element begins, and has to go past it.
  mutating func array(_ element: (_ scanner: inout JSONScanner) throws(Mismatch) -> Void) throws(Mismatch) {
    try expect(UInt8(ascii: "["))
    guard !consume(UInt8(ascii: "]")) else { return }
    repeat { try element(&self) } while consume(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"))
  }

  /// Goes past `null` where it stands.
  mutating func null() -> Bool { consume("null") }

  /// Reads `true` or `false`.
  mutating func bool() throws(Mismatch) -> Bool {
    if consume("true") { return true }
    guard consume("false") else { throw Mismatch() }
    return false
  }

  /// Reads a string. One with a surrogate that stands alone is no text.
  mutating func string() throws(Mismatch) -> String {
    let (content, isPlain) = try skipString()
    // What has neither escapes nor bytes beyond ASCII is taken as it stands: `String(validating:)` takes far longer.
    if isPlain {
      return bytes.withUnsafeBufferPointer {
        String(decoding: UnsafeBufferPointer(rebasing: $0[content]), as: UTF8.self)
      }
    }
    guard let text = String(validating: try unescaped(bytes[content]), as: UTF8.self) else { throw Mismatch() }
    return text
  }

  /// Makes sure that nothing follows.
  package mutating func end() throws(Mismatch) {
    skipWhitespace()
    guard index == bytes.count else { throw Mismatch() }
  }

  // MARK: - The grammar

  private mutating func skipName() throws(Mismatch) {
    try skipString()
    try expect(UInt8(ascii: ":"))
  }

  private mutating func skipScalar() throws(Mismatch) {
    if consume("true") || consume("false") || consume("null") { return }
    if current == UInt8(ascii: "\"") { try skipString() } else { try skipNumber() }
  }

  /// - Returns: where the string's content is, and whether it is of nothing but ASCII without escapes.
  @discardableResult private mutating func skipString() throws(Mismatch) -> (content: Range<Int>, isPlain: Bool) {
    try expect(UInt8(ascii: "\""))
    let start = index
    var isPlain = true
    while let byte = current {
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return (start..<index - 1, isPlain)
      case UInt8(ascii: "\\"):
        isPlain = false
        try skipEscape()
      case ..<0x20: throw Mismatch()
      case 0x80...: isPlain = false
      default: break
      }
    }
    throw Mismatch()
  }

  private mutating func skipEscape() throws(Mismatch) {
    guard let byte = current else { throw Mismatch() }
    index += 1
    guard byte == UInt8(ascii: "u") else {
      guard Self.escapes[byte] != nil else { throw Mismatch() }
      return
    }
    for _ in 0..<4 {
      guard let digit = current, Character(Unicode.Scalar(digit)).isHexDigit else { throw Mismatch() }
      index += 1
    }
  }

  private mutating func skipNumber() throws(Mismatch) {
    if current == UInt8(ascii: "-") { index += 1 }
    if current == UInt8(ascii: "0") { index += 1 } else { try skipDigits() }
    if current == UInt8(ascii: ".") {
      index += 1
      try skipDigits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      index += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { index += 1 }
      try skipDigits()
    }
  }

  private mutating func skipDigits() throws(Mismatch) {
    let start = index
    while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
    guard index > start else { throw Mismatch() }
  }

  private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func expect(_ token: UInt8) throws(Mismatch) {
    guard consume(token) else { throw Mismatch() }
  }

  /// Goes past a token, and the white space before it, where it stands.
  private mutating func consume(_ token: UInt8) -> Bool {
    skipWhitespace()
    guard current == token else { return false }
    index += 1
    return true
  }

  private mutating func consume(_ word: StaticString) -> Bool {
    skipWhitespace()
    let count = word.utf8CodeUnitCount
    guard count <= bytes.count - index else { return false }
    for offset in 0..<count where bytes[index + offset] != word.utf8Start[offset] { return false }
    index += count
    return true
  }

  private mutating func skipWhitespace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
  }

  // MARK: - Escapes

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "/"): 0x2F, UInt8(ascii: "b"): 0x08,
    UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
  ]

  /// The UTF-8 of a string's content, whose escapes are well-formed.
  private func unescaped(_ content: ArraySlice<UInt8>) throws(Mismatch) -> [UInt8] {
    var text: [UInt8] = []
    var rest = content
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let kind = rest.popFirst() else {
        text.append(byte)
        continue
      }
      if let single = Self.escapes[kind] {
        text.append(single)
        continue
      }
      var units = [Self.codeUnit(&rest)]
      if UTF16.isLeadSurrogate(units[0]), rest.starts(with: "\\u".utf8) {
        rest.removeFirst(2)
        units.append(Self.codeUnit(&rest))
      }
      guard let character = String(validating: units, as: UTF16.self) else { throw Mismatch() }
      text += character.utf8
    }
    return text
  }

  private static func codeUnit(_ text: inout ArraySlice<UInt8>) -> UInt16 {
    defer { text.removeFirst(4) }
    return UInt16(String(decoding: text.prefix(4), as: UTF8.self), radix: 16) ?? 0
  }
}
