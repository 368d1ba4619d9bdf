import JSON

/// Readers for the fields of an event. Those that end in `IfAny`, and the collections, skip values of another type.
extension JSONScanner {
  mutating func stringOrNull() throws(Mismatch) -> String? { null() ? nil : try string() }

  mutating func integerIfAny() throws(Mismatch) -> Int? {
    try attempt { (scanner) throws(Mismatch) in Int(exactly: try scanner.number()) } ?? nil
  }

  /// The members of an object that are arrays, with the elements that are strings.
  mutating func stringLists() throws(Mismatch) -> [String: [String]] {
    try members { (scanner) throws(Mismatch) in
      try scanner.attempt { (scanner) throws(Mismatch) in
        var list: [String] = []
        try scanner.array { (scanner) throws(Mismatch) in
          if let element = try scanner.stringIfAny() { list.append(element) }
        }
        return list
      }
    }
  }

  /// The members of an object that are not `null`: strings, and any other value as its JSON text.
  mutating func texts() throws(Mismatch) -> [String: String] {
    try members { (scanner) throws(Mismatch) in
      if scanner.null() { return nil }
      return try scanner.stringIfAny(orText: true)
    }
  }

  private mutating func stringIfAny(orText: Bool) throws(Mismatch) -> String? {
    peek() == UInt8(ascii: "\"") ? try stringIfAny() : try text()
  }

  /// The members of an object that `value` accepts; none if the next value is not an object.
  private mutating func members<Value>(
    _ value: (inout JSONScanner) throws(Mismatch) -> Value?
  ) throws(Mismatch) -> [String: Value] {
    try attempt { (scanner) throws(Mismatch) in
      var members: [String: Value] = [:]
      try scanner.object { (name, scanner) throws(Mismatch) in
        if let value = try value(&scanner) { members[name] = value }
      }
      return members
    } ?? [:]
  }

  /// Reads a value, or skips a value that `read` refuses and returns `nil`.
  private mutating func attempt<Value>(
    _ read: (inout JSONScanner) throws(Mismatch) -> Value
  ) throws(Mismatch) -> Value? {
    var scanner = self
    do {
      let value = try read(&scanner)
      self = scanner
      return value
    } catch {
      try skipValue()
      return nil
    }
  }
}
