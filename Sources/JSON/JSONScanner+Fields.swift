/// Readers for objects of other systems, whose members may have other types than expected.
extension JSONScanner {
  /// Reads a string; skips a value of another type, and a string without a UTF-8 form, and returns `nil`.
  package mutating func stringIfAny() throws(Mismatch) -> String? {
    var scanner = self
    guard peek() == UInt8(ascii: "\""), let string = try? scanner.string() else {
      try skipValue()
      return nil
    }
    self = scanner
    return string
  }

  /// Reads the members of an object that are strings; skips a value of another type, which has none.
  package mutating func strings() throws(Mismatch) -> [String: String] {
    guard peek() == UInt8(ascii: "{") else {
      try skipValue()
      return [:]
    }
    var members: [String: String] = [:]
    try object { (name, scanner) throws(Mismatch) in
      if let value = try scanner.stringIfAny() { members[name] = value }
    }
    return members
  }

  /// The members of an object with the given names, which must be strings or `null`. A `null` is like no member; of repeated
  /// ones the last counts.
  ///
  /// - Throws: `Mismatch` for any other text.
  package static func strings(named names: Set<String>, of json: [UInt8]) throws(Mismatch) -> [String: String] {
    var scanner = JSONScanner(json)
    var members: [String: String] = [:]
    try scanner.object { (name, scanner) throws(Mismatch) in
      guard names.contains(name) else { return try scanner.skipValue() }
      members[name] = scanner.null() ? nil : try scanner.string()
    }
    try scanner.end()
    return members
  }
}
