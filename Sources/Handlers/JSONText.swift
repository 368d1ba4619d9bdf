import JSON

/// Tells whether bytes are one JSON text (RFC 8259), by its grammar alone.
///
/// A message is passed on byte for byte, so nothing of it has to be built: any depth, numbers of any size and escaped
/// lone surrogates are the reader's business.
public enum JSONText {
  /// Whether the bytes are one JSON text in UTF-8.
  public static func isValid(_ bytes: [UInt8]) -> Bool {
    var scanner = JSONScanner(bytes)
    do {
      try scanner.skipValue()
      try scanner.end()
    } catch {
      return false
    }
    // JSON between systems is UTF-8 (section 8.1).
    return String(validating: bytes, as: UTF8.self) != nil
  }
}
