import Foundation
import Testing

@testable import JSON

/// JSON objects as the chat writes them.
@Suite struct JSONObjectTextTests {
  @Test("Members are written in order, without white space")
  func members() {
    var object = JSONObjectText()
    #expect(String(decoding: object.bytes, as: UTF8.self) == "{}")
    object.add("s", "é/")
    object.add("n", -7)
    object.add("b", true)
    object.add("f", false)
    object.add("j", json: Array("[ 1.0 ]".utf8))
    object.add("a", array: [Array("{}".utf8), Array("2".utf8)])
    object.add("e", array: [])
    let text = #"{"s":"é/","n":-7,"b":true,"f":false,"j":[ 1.0 ],"a":[{},2],"e":[]}"#
    #expect(String(decoding: object.bytes, as: UTF8.self) == text)
  }

  @Test("Every string is read back as it was, by Foundation too")
  func strings() throws {
    var random = SystemRandomNumberGenerator()
    let special =
      (0..<0x20).compactMap { Unicode.Scalar($0) } + ["\"", "\\", "/", "\u{7F}", "\u{2028}", "é", "🎉", "\u{202E}"]
    for _ in 0..<2000 {
      var string = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        string.append(special.randomElement(using: &random) ?? "a")
      }
      var object = JSONObjectText()
      object.add(String(string), String(string))
      var scanner = JSONScanner(object.bytes)
      var read: [String: String] = [:]
      try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in read[name] = try scanner.string() }
      #expect(read == [String(string): String(string)])
      #expect(try JSONDecoder().decode([String: String].self, from: Data(object.bytes)) == read)
    }
  }
}
