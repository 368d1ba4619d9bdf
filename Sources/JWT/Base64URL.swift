/// The base64url encoding without padding (RFC 7515 §2, RFC 4648 §5).
enum Base64URL {
  /// Decodes a text.
  ///
  /// - Returns: `nil` for padding, white space, any other character outside the alphabet, an impossible length, and
  ///   unused bits that are not zero: each value has exactly one accepted encoding.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3 + 2)
    var buffer: UInt32 = 0
    var bitCount = 0
    for character in text {
      let value = values[Int(character)]
      guard value < 64 else { return nil }
      buffer = buffer << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bitCount)))
        buffer &= 1 << UInt32(bitCount) - 1
      }
    }
    // Six left bits are a lone last character.
    guard bitCount < 6, buffer == 0 else { return nil }
    return bytes
  }

  /// The value of each character; 64 for characters outside the alphabet.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 64, count: 256)
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for (value, character) in alphabet.utf8.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }()
}
