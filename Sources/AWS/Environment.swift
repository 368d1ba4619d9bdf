/// The environment variables of the process, read by one set of rules.
///
/// An empty variable counts as unset, as in the AWS SDKs. A value with stray white space or an invisible character is
/// refused by name: signing with it would fail later, with an error that does not show the cause.
public struct Environment: Sendable {
  private let variables: [String: String]

  /// Reads variables by name.
  public init(_ variables: [String: String]) { self.variables = variables }

  /// The value of a variable; `nil` if it is unset or empty.
  ///
  /// - Parameters:
  ///   - name: the variable.
  ///   - allowsSpaces: whether the value may contain spaces between words, as a path may.
  /// - Throws: `ConfigurationError`, which names the variable and never quotes its value.
  public func value(_ name: String, allowsSpaces: Bool = false) throws(ConfigurationError) -> String? {
    guard let value = variables[name], !value.isEmpty else { return nil }
    if let problem = value.strayCharacter(allowsSpaces: allowsSpaces) {
      throw ConfigurationError("\(name) \(problem): remove it.")
    }
    return value
  }

  /// A whole number in decimal digits; `nil` if the variable is unset or empty.
  public func wholeNumber(_ name: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
    guard let text = try value(name) else { return nil }
    let isDecimal = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard isDecimal, let number = Int(text), range.contains(number) else {
      let bounds =
        range.upperBound == .max ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw ConfigurationError("\(name) is \(ExternalText.quoted(text)): it must be a whole number \(bounds).")
    }
    return number
  }
}

extension Environment: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The type's name only: the variables hold secrets.
  public var description: String { "Environment" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// A mirror without children.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

extension String {
  /// Describes the first stray character as a predicate, such as "ends with a line break"; `nil` if there is none.
  func strayCharacter(allowsSpaces: Bool = false) -> String? {
    if let name = unicodeScalars.first?.strayName { return "begins with \(name)" }
    if let name = unicodeScalars.last?.strayName { return "ends with \(name)" }
    for scalar in unicodeScalars where !(allowsSpaces && scalar == " ") {
      if let name = scalar.strayName { return "contains \(name)" }
    }
    return nil
  }
}

extension Unicode.Scalar {
  /// The name of a character that is invalid in every identifier, key, token and URL; `nil` for any other.
  fileprivate var strayName: String? {
    switch self {
    case "\0": return "a NUL character"
    case " ": return "a space"
    case "\t": return "a tab"
    case "\n", "\r", "\u{0B}", "\u{0C}", "\u{85}", "\u{2028}", "\u{2029}": return "a line break"
    case "\u{21}"..."\u{7E}": return nil
    // Swift's replacement for bytes that are not UTF-8.
    case "\u{FFFD}": return "bytes that are not UTF-8"
    default: break
    }
    let code = "U+" + String(repeating: "0", count: max(0, 4 - hexadecimal.count)) + hexadecimal
    if properties.isWhitespace { return "white space (\(code))" }
    return isPrintable ? nil : "an invisible character (\(code))"
  }

  private var hexadecimal: String { String(value, radix: 16, uppercase: true) }
}
