/// The escapes in strings (RFC 8259, section 7).
extension JSONScanner {
  /// The character of an escape; `nil` for `u` and for what is no escape.
  static func unescaped(_ kind: UInt8) -> UInt8? {
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): kind
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: nil
    }
  }

  /// Whether a byte is a hexadecimal digit.
  static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }

  /// Decodes the escapes, which must be well-formed, in a string's content.
  func unescaped(_ content: Range<Int>) throws(Mismatch) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(content.count)
    var index = content.lowerBound
    while let backslash = bytes[index..<content.upperBound].firstIndex(of: UInt8(ascii: "\\")) {
      text += bytes[index..<backslash]
      index = backslash + 2
      if let character = Self.unescaped(bytes[backslash + 1]) {
        text.append(character)
        continue
      }
      var scalar = codeUnit(at: index)
      index += 4
      if (0xD800..<0xDC00).contains(scalar) {
        // A lead surrogate is half of a character: an escaped trail surrogate must follow.
        guard index + 1 < content.upperBound, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
        else { throw Mismatch() }
        let trail = codeUnit(at: index + 2)
        guard (0xDC00..<0xE000).contains(trail) else { throw Mismatch() }
        scalar = 0x10000 + (scalar & 0x3FF) << 10 + (trail & 0x3FF)
        index += 6
      }
      guard let character = Unicode.Scalar(scalar) else { throw Mismatch() }
      for byte in UTF8.encode(character) ?? UTF8.encodedReplacementCharacter { text.append(byte) }
    }
    return text + bytes[index..<content.upperBound]
  }

  /// Decodes the four hexadecimal digits at an index.
  private func codeUnit(at index: Int) -> UInt32 {
    var unit: UInt32 = 0
    for digit in index..<index + 4 {
      unit = unit << 4 | UInt32(bytes[digit] & 0xF) + (bytes[digit] > UInt8(ascii: "9") ? 9 : 0)
    }
    return unit
  }
}
