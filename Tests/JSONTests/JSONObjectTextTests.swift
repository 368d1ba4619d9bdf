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
    object.add("c", "\u{0}\u{8}\t\n\u{C}\r\u{1F}\"\\")
    let text =
      #"{"s":"é/","n":-7,"b":true,"f":false,"j":[ 1.0 ],"a":[{},2],"e":[],"c":"\u0000\b\t\n\f\r\u001f\"\\"}"#
    #expect(String(decoding: object.bytes, as: UTF8.self) == text)
  }

  @Test(
    "A number is written in the shortest form that is read back as it was, or as a string",
    arguments: [
      (0, "0"), (-3, "-3"), (12.5, "12.5"), (0.1, "0.1"), (1e20, "1e+20"), (1e-300, "1e-300"),
      (9_007_199_254_740_992, "9007199254740992"), (.infinity, #""Infinity""#), (-.infinity, #""-Infinity""#),
      (.nan, #""NaN""#),
    ] as [(Double, String)])
  func numbers(number: Double, text: String) {
    var object = JSONObjectText()
    object.add("n", number)
    #expect(String(decoding: object.bytes, as: UTF8.self) == #"{"n":\#(text)}"#)
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
