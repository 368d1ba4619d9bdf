/// Validates JSON texts (RFC 8259) by grammar alone, and converts them to UTF-8.
///
/// Values are not built, so depth, the size of numbers and escaped lone surrogates have no limit.
package enum JSONText {
  /// Removes a byte-order mark and converts text of the encoding that it names to UTF-8; without a mark, the bytes are
  /// returned unchanged.
  ///
  /// Editors and shells of Windows write the mark, and UTF-16. Foundation's JSONDecoder accepts both.
  ///
  /// - Returns: `nil` if the text is not valid in that encoding.
  package static func utf8(_ bytes: [UInt8]) -> [UInt8]? {
    // JSON starts with an ASCII character, every mark with one of these bytes.
    guard let first = bytes.first, first == 0xEF || first >= 0xFE || first == 0 else { return bytes }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(bytes.dropFirst(3)) }
    if let units = units(bytes, of: UInt32.self, mark: 0xFEFF) {
      return units.flatMap { String(validating: $0, as: UTF32.self) }.map { Array($0.utf8) }
    }
    if let units = units(bytes, of: UInt16.self, mark: 0xFEFF) {
      return units.flatMap { String(validating: $0, as: UTF16.self) }.map { Array($0.utf8) }
    }
    return bytes
  }

  /// The code units after a byte-order mark, in the byte order that it shows.
  ///
  /// - Returns: `nil` without a mark; `.some(nil)` if the last unit is incomplete.
  private static func units<Unit: FixedWidthInteger & UnsignedInteger>(
    _ bytes: [UInt8], of type: Unit.Type, mark: Unit
  ) -> [Unit]?? {
    let width = Unit.bitWidth / 8
    guard bytes.count >= width else { return nil }
    func unit(at start: Int) -> Unit {
      bytes[start..<start + width].reduce(Unit(0)) { $0 << 8 | Unit($1) }
    }
    let isBigEndian = unit(at: 0) == mark
    guard isBigEndian || unit(at: 0) == mark.byteSwapped else { return nil }
    guard bytes.count.isMultiple(of: width) else { return .some(nil) }
    return stride(from: width, to: bytes.count, by: width).map { isBigEndian ? unit(at: $0) : unit(at: $0).byteSwapped }
  }

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
