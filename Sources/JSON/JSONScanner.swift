/// A forward-only reader of a JSON text (RFC 8259).
///
/// Skipped values are validated but not built. Skipping is not recursive, so deep nesting cannot exhaust the stack.
/// `JSONDecoder` takes ten times as long for a page of a table, a twelfth of a whole broadcast.
///
/// Only strings that are read are checked to be UTF-8.
package struct JSONScanner {
  /// The text is not JSON, or the next value has another type than the requested one.
  package struct Mismatch: Error {
    /// Creates the error.
    package init() {}
  }

  private enum Container {
    case array, object
  }

  let bytes: [UInt8]
  private var index = 0

  /// Creates a scanner at the start of a text.
  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  // MARK: - Values

  /// Skips one value of any type.
  package mutating func skipValue() throws(Mismatch) { try walk { _ in } }

  /// A part of a value, in the order of the text.
  enum Token {
    case object, array
    case name(Range<Int>, isPlain: Bool)
    case string(Range<Int>, isPlain: Bool)
    case number(Range<Int>)
    /// `true`, `false` or `null`, which starts at this index.
    case word(Int)
    /// The end of the innermost object or array.
    case end
  }

  /// Visits the parts of one value of any type.
  ///
  /// - Parameter visit: called for each part of the value. The range of a name or string is its content, which is plain if it
  ///   is ASCII without escapes.
  @inline(__always) mutating func walk(_ visit: (Token) -> Void) throws(Mismatch) {
    var open: [Container] = []
    while true {
      // At the start of a value.
      if consume(UInt8(ascii: "{")) {
        visit(.object)
        if !consume(UInt8(ascii: "}")) {
          visit(try name())
          open.append(.object)
          continue
        }
        visit(.end)
      } else if consume(UInt8(ascii: "[")) {
        visit(.array)
        if !consume(UInt8(ascii: "]")) {
          open.append(.array)
          continue
        }
        visit(.end)
      } else {
        visit(try scalar())
      }
      // At the end of a value, which may end the containers around it.
      while true {
        guard let container = open.last else { return }
        if consume(UInt8(ascii: ",")) {
          if container == .object { visit(try name()) }
          break
        }
        try expect(container == .array ? UInt8(ascii: "]") : UInt8(ascii: "}"))
        visit(.end)
        open.removeLast()
      }
    }
  }

  /// Reads an object.
  ///
  /// - Parameter member: called at the value of each member, in order; reads or skips that value. A name may repeat. A
  ///   name with a lone surrogate, which has no UTF-8 form, is U+FFFD.
  package mutating func object(
    _ member: (_ name: String, _ scanner: inout JSONScanner) throws(Mismatch) -> Void
  ) throws(Mismatch) {
    try expect(UInt8(ascii: "{"))
    guard !consume(UInt8(ascii: "}")) else { return }
    repeat {
      let (content, isPlain) = try skipString()
      let name = text(content, isPlain: isPlain) ?? "\u{FFFD}"
      try expect(UInt8(ascii: ":"))
      try member(name, &self)
    } while consume(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"))
  }

  /// Reads an array.
  ///
  /// - Parameter element: called at each element, in order; reads or skips it.
  package mutating func array(
    _ element: (_ scanner: inout JSONScanner) throws(Mismatch) -> Void
  ) throws(Mismatch) {
    try expect(UInt8(ascii: "["))
    guard !consume(UInt8(ascii: "]")) else { return }
    repeat { try element(&self) } while consume(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"))
  }

  /// Skips `null` if it is the next value.
  ///
  /// - Returns: whether `null` was skipped.
  package mutating func null() -> Bool { consume("null") }

  /// Reads `true` or `false`.
  package mutating func bool() throws(Mismatch) -> Bool {
    if consume("true") { return true }
    guard consume("false") else { throw Mismatch() }
    return false
  }

  /// Reads a string. A lone surrogate, written as an escape, is a mismatch: it has no UTF-8 form.
  package mutating func string() throws(Mismatch) -> String {
    let (content, isPlain) = try skipString()
    guard let text = text(content, isPlain: isPlain) else { throw Mismatch() }
    return text
  }

  /// The text of a string; `nil` if it has no UTF-8 form.
  ///
  /// - Parameters:
  ///   - content: The range of the string's content.
  ///   - isPlain: Whether the content is ASCII without escapes.
  func text(_ content: Range<Int>, isPlain: Bool) -> String? {
    // ASCII without escapes needs no validation: `String(validating:)` takes far longer.
    if isPlain {
      return bytes.withUnsafeBufferPointer {
        String(decoding: UnsafeBufferPointer(rebasing: $0[content]), as: UTF8.self)
      }
    }
    return (try? unescaped(content)).flatMap { String(validating: $0, as: UTF8.self) }
  }

  /// Reads a number as the nearest `Double`. A number beyond its range is a mismatch.
  package mutating func number() throws(Mismatch) -> Double {
    skipWhitespace()
    let start = index
    try skipNumber()
    guard let value = Double(String(decoding: bytes[start..<index], as: UTF8.self)), value.isFinite else {
      throw Mismatch()
    }
    return value
  }

  /// Reads a value of any type as its JSON text.
  package mutating func text() throws(Mismatch) -> String {
    skipWhitespace()
    let start = index
    try skipValue()
    guard let text = String(validating: bytes[start..<index], as: UTF8.self) else { throw Mismatch() }
    return text
  }

  /// The first byte of the next value, after white space; `nil` at the end of the text.
  package mutating func peek() -> UInt8? {
    skipWhitespace()
    return current
  }

  /// Throws unless only white space is left.
  package mutating func end() throws(Mismatch) {
    skipWhitespace()
    guard index == bytes.count else { throw Mismatch() }
  }

  // MARK: - Grammar

  private mutating func name() throws(Mismatch) -> Token {
    let (content, isPlain) = try skipString()
    try expect(UInt8(ascii: ":"))
    return .name(content, isPlain: isPlain)
  }

  private mutating func scalar() throws(Mismatch) -> Token {
    skipWhitespace()
    let start = index
    if consume("true") || consume("false") || consume("null") { return .word(start) }
    guard current != UInt8(ascii: "\"") else {
      let (content, isPlain) = try skipString()
      return .string(content, isPlain: isPlain)
    }
    try skipNumber()
    return .number(start..<index)
  }

  /// - Returns: the range of the string's content, and whether it is ASCII without escapes.
  @discardableResult private mutating func skipString() throws(Mismatch) -> (content: Range<Int>, isPlain: Bool) {
    try expect(UInt8(ascii: "\""))
    let start = index
    // Fast path: most strings are plain, and this loop takes a third fewer instructions.
    index = bytes[start...].firstIndex(where: Self.endsPlainText) ?? bytes.count
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

  /// Whether the byte is not one of a string in ASCII without escapes.
  private static func endsPlainText(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private mutating func skipEscape() throws(Mismatch) {
    guard let byte = current else { throw Mismatch() }
    index += 1
    guard byte == UInt8(ascii: "u") else {
      guard Self.unescaped(byte) != nil else { throw Mismatch() }
      return
    }
    for _ in 0..<4 {
      guard let digit = current, Self.isHexDigit(digit) else { throw Mismatch() }
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

  /// Skips white space, and the token if it follows; returns whether it did.
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
}
