/// Text from outside, made safe for a log line: printable and of bounded length.
package enum ExternalText {
  /// The longest error code, request id or checksum in a message, in characters.
  static let maximumIdentifierLength = 128
  /// The longest excerpt of a service's own words, in Unicode scalars.
  static let maximumMessageLength = 300

  /// An error code, request id or checksum: its first 128 characters, with a question mark for each that is not
  /// printable ASCII.
  static func identifier(_ text: some StringProtocol) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(maximumIdentifierLength).map { ("\u{20}"..."\u{7E}").contains($0) ? $0 : "?" }))
  }

  /// The first line of a message that is not blank, cut to 300 scalars, with U+FFFD for each that is not printable.
  ///
  /// Later lines are dropped: for a wrong signature they repeat the request, session token included. Scalars are
  /// counted rather than characters, of which a single one may be arbitrarily long.
  static func firstLine(_ text: some StringProtocol) -> String {
    let line = text.unicodeScalars.drop { $0.properties.isWhitespace }.prefix { !$0.isLineBreak }
    return String(
      String.UnicodeScalarView(line.prefix(maximumMessageLength).map { $0.isPrintable ? $0 : "\u{FFFD}" }))
  }

  /// A value that holds no secret, as an error quotes it.
  package static func quoted(_ text: String) -> String {
    "\"\(identifier(text))\""
  }
}

extension Unicode.Scalar {
  /// Whether the scalar has a glyph of its own: not a control or format character, which could hide or reorder text.
  var isPrintable: Bool {
    if value < 0x7F { return value >= 0x20 }
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return false
    default: return true
    }
  }

  fileprivate var isLineBreak: Bool {
    switch self {
    case "\n", "\r", "\u{0B}", "\u{0C}", "\u{85}", "\u{2028}", "\u{2029}": true
    default: false
    }
  }
}
