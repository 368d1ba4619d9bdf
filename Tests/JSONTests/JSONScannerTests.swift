import Foundation
import TestServers
import Testing

@testable import JSON

/// Reads values. `JSONTextTests` covers the grammar.
@Suite struct JSONScannerTests {
  private func string(_ text: String) throws -> String {
    var scanner = JSONScanner(Array(text.utf8))
    let string = try scanner.string()
    try scanner.end()
    return string
  }

  @Test(
    "Escapes and UTF-8 in a string are decoded",
    arguments: [
      (#""""#, ""), (#" "a" "#, "a"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
      (#""\u0041\u00e9\u4E2D""#, "Aé中"),
      (#""é中🎉""#, "é中🎉"), (#""\ud83c\udf89\uD83C\uDF89""#, "🎉🎉"), (#""a\u0000b""#, "a\u{0}b"),
      (#""\\u0061""#, "\\u0061"),
      (#""\u2028\uFFFF""#, "\u{2028}\u{FFFF}"), (#""é\n""#, "é\n"),
    ])
  func strings(text: String, expected: String) throws {
    #expect(try string(text) == expected)
  }

  @Test(
    "A lone surrogate, an open string and another type are not a string",
    arguments: [
      #""\ud83c""#, #""\udf89\ud83c""#, #""\ud83c\u0041""#, #""\ud83cx""#, #""\ud83c\n""#, #"a"#, #""a"#, "1", "null",
    ])
  func notStrings(text: String) {
    #expect(throws: JSONScanner.Mismatch.self) { try string(text) }
  }

  @Test(
    "Bytes that are not UTF-8 are not a string",
    arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF0, 0x9F]] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    var scanner = JSONScanner([0x22] + bytes + [0x22])
    #expect(throws: JSONScanner.Mismatch.self) { try scanner.string() }
  }

  @Test(
    "Random strings, as JSONEncoder writes them and with every character escaped, are read as JSONDecoder reads them")
  func randomStrings() throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<500 {
      let scalars = (0..<Int.random(in: 0...12, using: &random)).compactMap { _ in
        Unicode.Scalar(
          UInt32.random(in: 0...[0x7F, 0x7FF, 0xFFFF, 0x10FFFF].randomElement(using: &random)!, using: &random))
      }
      let text = String(String.UnicodeScalarView(scalars))
      let encoded = String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
      let escaped = "\"" + text.utf16.map { String(format: "\\u%04x", $0) }.joined() + "\""
      for json in [encoded, escaped] {
        let decoded = try JSONDecoder().decode(String.self, from: Data(json.utf8))
        #expect(try Array(string(json).unicodeScalars) == Array(decoded.unicodeScalars), "\(json)")
      }
    }
  }

  @Test(
    "Numbers are read as the nearest Double",
    arguments: [
      ("0", 0), ("-0", -0.0), (" 17 ", 17), ("-1.5", -1.5), ("1e3", 1000), ("25E-1", 2.5),
      ("1764000000.25", 1764000000.25),
      ("9007199254740993", 9007199254740992), ("1e-999", 0),
    ] as [(String, Double)])
  func numbers(text: String, expected: Double) throws {
    var scanner = JSONScanner(Array(text.utf8))
    #expect(try scanner.number() == expected)
    try scanner.end()
  }

  @Test(
    "`number` rejects other types, malformed numbers, and numbers outside the range of Double",
    arguments: [
      "", "-", "\"1\"", "true", "null", "+1", ".5", "1.", "1e", "1e999", "-1e999", "NaN", "Infinity", "01", "0x1",
    ])
  func notNumbers(text: String) {
    var scanner = JSONScanner(Array(text.utf8))
    #expect(throws: JSONScanner.Mismatch.self) {
      _ = try scanner.number()
      try scanner.end()
    }
  }

  @Test("The members of an object and the elements of an array are read in order, repeated names included")
  func containers() throws {
    var scanner = JSONScanner(Array(#" { "a" : [ 1 , 2 ] , "b" : null , "a" : [ ] , "c" : true } "#.utf8))
    var read: [String] = []
    try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in
      read.append(name)
      guard !scanner.null() else { return }
      guard scanner.peek() == UInt8(ascii: "[") else {
        read.append("\(try scanner.bool())")
        return
      }
      try scanner.array { (scanner) throws(JSONScanner.Mismatch) in read.append("\(try scanner.number())") }
    }
    try scanner.end()
    #expect(read == ["a", "1.0", "2.0", "b", "a", "c", "true"])
    #expect(scanner.peek() == nil)
  }
}
