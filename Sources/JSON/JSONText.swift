/// Validates JSON texts (RFC 8259) by grammar alone.
///
/// Values are not built, so depth, the size of numbers and escaped lone surrogates have no limit.
package enum JSONText {
  /// Whether the bytes are one JSON text in UTF-8.
  package static func isValid(_ bytes: [UInt8]) -> Bool {
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
