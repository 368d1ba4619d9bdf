import JSON

/// Parts of a JSON text as JSON texts, for events whose fields are checked one by one.
extension JSONScanner {
  /// The members of an object; of repeated ones the last counts. `nil` for any other text.
  static func members(of json: [UInt8]) -> [String: [UInt8]]? {
    var scanner = JSONScanner(json)
    var members: [String: [UInt8]] = [:]
    do {
      try scanner.object { (name, scanner) throws(Mismatch) in members[name] = Array(try scanner.text().utf8) }
      try scanner.end()
    } catch {
      return nil
    }
    return members
  }

  /// The elements of an array; `nil` for any other text.
  static func elements(of json: [UInt8]) -> [[UInt8]]? {
    var scanner = JSONScanner(json)
    var elements: [[UInt8]] = []
    do {
      try scanner.array { (scanner) throws(Mismatch) in elements.append(Array(try scanner.text().utf8)) }
      try scanner.end()
    } catch {
      return nil
    }
    return elements
  }

  /// The value of a string; `nil` for any other text.
  static func string(of json: [UInt8]) -> String? {
    var scanner = JSONScanner(json)
    return try? scanner.string()
  }
}
