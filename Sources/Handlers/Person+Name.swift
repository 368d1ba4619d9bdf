extension Person {
  private static let maximumNameLength = 64

  /// Whether a text is a name that a client may choose: 1 to 64 characters, at least one of them visible, and none that
  /// disturbs the text around it.
  static func isName(_ text: String) -> Bool {
    text.unicodeScalars.count <= maximumNameLength && text.unicodeScalars.allSatisfy { $0.isNameCharacter }
      && text.unicodeScalars.contains { $0.isVisible }
  }

  /// A name made of an issuer's claim, which the person cannot correct: cut, and without characters that a name may not have;
  /// `nil` if nothing visible is left.
  static func name(from claim: String?) -> String? {
    guard let claim else { return nil }
    let scalars = claim.unicodeScalars.lazy.filter { $0.isNameCharacter }.prefix(maximumNameLength)
    let name = String(String.UnicodeScalarView(scalars))
    return isName(name) ? name : nil
  }
}

extension Unicode.Scalar {
  /// Whether a name may have this character: no control character, line or paragraph separator, or bidirectional
  /// formatting character (UAX #9).
  fileprivate var isNameCharacter: Bool {
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: return false
    default: break
    }
    switch self {
    case "\u{061C}", "\u{200E}", "\u{200F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": return false
    default: return true
    }
  }

  /// Whether the character shows: it is not white space and not default-ignorable.
  fileprivate var isVisible: Bool { !properties.isWhitespace && !properties.isDefaultIgnorableCodePoint }
}
