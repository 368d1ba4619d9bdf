// Access to a text's bytes, for code that runs for each post of a broadcast.

extension String {
  /// Whether any byte of the UTF-8 meets a condition, which returns 1 for yes and 0 for no.
  ///
  /// Checks a session token of about 1,000 bytes for each post of a broadcast. Without a branch, here and in the
  /// condition, the compiler vectorizes the loop: 40 ns instead of 900 ns.
  @inlinable package func containsByte(where condition: (UInt8) -> UInt8) -> Bool {
    var text = self
    return text.withUTF8 { bytes in
      var found: UInt8 = 0
      for index in 0..<bytes.count { found |= condition(bytes[index]) }
      return found != 0
    }
  }
}

extension [UInt8] {
  /// Appends the UTF-8 of a text.
  @inlinable package mutating func append(utf8 text: String) {
    var text = text
    text.withUTF8 { append(contentsOf: $0) }
  }
}
