import Foundation
import RuntimeAPIEmulator
import Testing

@testable import AWS

/// What is read out of JSON. What is JSON at all, case by case: JSONTextTests in HandlersTests.
@Suite struct JSONScannerTests {
  private func string(_ text: String) throws -> String {
    var scanner = JSONScanner(Array(text.utf8))
    let string = try scanner.string()
    try scanner.end()
    return string
  }

  @Test(
    "Strings come out as what they stand for",
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
    "What is no text is no string",
    arguments: [
      #""\ud83c""#, #""\udf89\ud83c""#, #""\ud83c\u0041""#, #""\ud83cx""#, #""\ud83c\n""#, #"a"#, #""a"#, "1", "null",
    ])
  func notStrings(text: String) {
    #expect(throws: JSONScanner.Mismatch.self) { try string(text) }
  }

  @Test(
    "Bytes that are not UTF-8 are no string",
    arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF0, 0x9F]] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    var scanner = JSONScanner([0x22] + bytes + [0x22])
    #expect(throws: JSONScanner.Mismatch.self) { try scanner.string() }
  }

  @Test("Any string that JSONEncoder writes, or every character as an escape, is read as JSONDecoder reads it")
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

  /// A page with all that one may have, and white space wherever it may stand.
  private static let page = """
    { "Count" : 3 , "Items" : [ { "connectionId" : { "S" : "a\\u0062=" } , "expiresAt" : { "N" : "17" } } , { } ,
     {"l":{"L":[{"M":{}},{"NULL":true}]},"b":{"BOOL":true},"e":{"S":"é"}} ] , "LastEvaluatedKey" : { "id":{"S":"c"} },
     "More": [1.5e3, null, {"Items":[7]}] }
    """

  @Test("A page is read whole")
  func page() throws {
    let page = try DynamoDB.Page(json: Array(Self.page.utf8))
    #expect(
      page.items == [
        ["connectionId": .string("ab="), "expiresAt": .number("17")], [:],
        ["l": .other, "b": .bool(true), "e": .string("é")],
      ])
    #expect(page.lastEvaluatedKey == ["id": .string("c")])
    #expect(try DynamoDB.Page(json: Array(#"{"Items":[],"LastEvaluatedKey":null}"#.utf8)).lastEvaluatedKey == nil)
  }

  @Test("A part of a page is no page")
  func prefixes() {
    let page = Array(Self.page.utf8)
    for count in 0..<page.count {
      #expect(throws: JSONScanner.Mismatch.self) { try DynamoDB.Page(json: Array(page.prefix(count))) }
    }
  }

  @Test("A page with any byte changed is a page or none, and never the end of the process")
  func mutations() {
    var random = SplitMix64(seed: 11)
    let page = Array(Self.page.utf8)
    var refused = 0
    for _ in 0..<20_000 {
      var changed = page
      for _ in 0...Int.random(in: 0...2, using: &random) {
        let index = Int.random(in: 0..<changed.count, using: &random)
        switch Int.random(in: 0...2, using: &random) {
        case 0: changed[index] = UInt8.random(in: 0...255, using: &random)
        case 1: changed.remove(at: index)
        default: changed.insert(Array(#"{}[]",:\u0"#.utf8).randomElement(using: &random) ?? 0, at: index)
        }
      }
      if (try? DynamoDB.Page(json: changed)) == nil { refused += 1 }
    }
    #expect((1..<20_000).contains(refused))
  }

  @Test(
    "What DynamoDB cannot have sent is no page",
    arguments: [
      "[]", "{}", #"{"Items":[1]}"#, #"{"Items":[{"a":"b"}]}"#, #"{"Items":[{"a":{"S":1}}]}"#,
      #"{"Items":[{"a":{"N":1}}]}"#,
      #"{"Items":[{"a":{"BOOL":"true"}}]}"#, #"{"Items":[]} x"#, #"{"Items":[],"LastEvaluatedKey":"a"}"#, "<html>",
    ])
  func foreign(text: String) {
    #expect(throws: JSONScanner.Mismatch.self) { try DynamoDB.Page(json: Array(text.utf8)) }
  }
}
