/// The base64 encodings of RFC 4648: bytes as ASCII text.
package enum Base64: Sendable {
  /// Section 4, with padding.
  case standard
  /// Section 5, `base64url`, without padding, as in RFC 7515 (section 2).
  case url

  /// The text of bytes.
  package func encode(_ bytes: some Collection<UInt8>) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var buffer: UInt32 = 0
    var bitCount: UInt32 = 0
    for byte in bytes {
      buffer = buffer << 8 | UInt32(byte)
      bitCount += 8
      while bitCount >= 6 {
        bitCount -= 6
        text.append(character(buffer >> bitCount & 63))
      }
    }
    if bitCount > 0 { text.append(character(buffer << (6 - bitCount) & 63)) }
    if self == .standard {
      while !text.count.isMultiple(of: 4) { text.append(Self.padding) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of a text.
  ///
  /// - Returns: `nil` for any character outside the alphabet, white space among them, padding that the encoding does not
  ///   have or that is missing, an impossible length, and unused bits that are not zero: each value has exactly one accepted
  ///   text.
  package func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3 + 2)
    var buffer: UInt32 = 0
    var bitCount: UInt32 = 0
    var paddingCount = 0
    for character in text {
      guard character != Self.padding else {
        paddingCount += 1
        continue
      }
      let value = paddingCount == 0 ? Self.values[Int(character)] : Self.noValue
      guard value != Self.noValue, character != foreign.0, character != foreign.1 else { return nil }
      buffer = buffer << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: buffer >> bitCount))
        buffer &= 1 << bitCount - 1
      }
    }
    // Six left bits are a lone last character; two or four are one or two characters of padding.
    guard bitCount < 6, buffer == 0, paddingCount == (self == .standard ? Int(bitCount) / 2 : 0) else { return nil }
    return bytes
  }

  private static let padding = UInt8(ascii: "=")
  private static let noValue: UInt8 = 64

  /// The last two characters of the other encoding, which this one does not have.
  private var foreign: (UInt8, UInt8) {
    self == .standard ? (UInt8(ascii: "-"), UInt8(ascii: "_")) : (UInt8(ascii: "+"), UInt8(ascii: "/"))
  }

  private func character(_ value: UInt32) -> UInt8 {
    switch UInt8(value) {
    case let value where value < 26: UInt8(ascii: "A") + value
    case let value where value < 52: UInt8(ascii: "a") + value - 26
    case let value where value < 62: UInt8(ascii: "0") + value - 52
    case 62: UInt8(ascii: self == .standard ? "+" : "-")
    default: UInt8(ascii: self == .standard ? "/" : "_")
    }
  }

  /// The value of each character of both encodings.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: noValue, count: 256)
    for encoding in [Base64.standard, .url] {
      for value in 0..<64 { values[Int(encoding.character(UInt32(value)))] = UInt8(value) }
    }
    return values
  }()
}
