extension String {
  /// The text with invisible characters as JSON escapes: line ends and other controls, and the format characters that
  /// reorder or hide text, such as U+202E. A line then looks like what it contains.
  var escapingInvisibleCharacters: String {
    guard !utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return self }
    var escaped = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "\n": escaped += "\\n"
      case "\r": escaped += "\\r"
      case "\t": escaped += "\\t"
      case _ where scalar.isInvisible:
        for unit in UTF16.encode(scalar) ?? .init() {
          let hex = String(unit, radix: 16)
          escaped += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

extension Unicode.Scalar {
  /// Whether the character is a control, a format character, or one that ends a line or paragraph.
  fileprivate var isInvisible: Bool {
    if isASCII { return value < 0x20 || value == 0x7F }
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: return true
    // The Hangul fillers and the Braille blank are letters and symbols without a glyph.
    default: return [0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800].contains(value) || properties.isVariationSelector
    }
  }
}
