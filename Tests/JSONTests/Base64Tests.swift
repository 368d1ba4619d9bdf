import Foundation
import JSON
import TestServers
import Testing

@Suite struct Base64Tests {
  @Test(
    "The vectors of RFC 4648 §10",
    arguments: [
      ("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmE=", "fooba"),
      ("Zm9vYmFy", "foobar"),
    ])
  func vectors(text: String, value: String) {
    let unpadded = text.filter { $0 != "=" }
    #expect(Base64.standard.encode(value.utf8) == text)
    #expect(Base64.url.encode(value.utf8) == unpadded)
    #expect(Base64.standard.decode(text.utf8) == Array(value.utf8))
    #expect(Base64.url.decode(unpadded.utf8) == Array(value.utf8))
    // Padding is required, or not allowed.
    guard text != unpadded else { return }
    #expect(Base64.standard.decode(unpadded.utf8) == nil)
    #expect(Base64.url.decode(text.utf8) == nil)
  }

  @Test(
    "Other characters, lengths, padding and unused bits are refused",
    arguments: [
      "Z", "Zg=", "Zg===", "Z===", "====", "=", "Zh==", "Zm9=", "Zg==Zg==", "Z=g=", "Zm9 v", "Zm9v\n", "Zm9v=",
    ])
  func refused(text: String) {
    #expect(Base64.standard.decode(text.utf8) == nil)
    #expect(Base64.url.decode(text.utf8) == nil)
  }

  @Test("Random bytes are encoded as Foundation encodes them, and a text has no second accepted spelling")
  func random() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<500 {
      let bytes = (0..<Int.random(in: 1...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let text = Base64.standard.encode(bytes)
      #expect(text == Data(bytes).base64EncodedString())
      let urlText = text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
      #expect(Base64.url.encode(bytes) == urlText)
      for encoding in [Base64.standard, .url] {
        let text = Array(encoding.encode(bytes).utf8)
        #expect(encoding.decode(text) == bytes)
        var changed = text
        let index = Int.random(in: 0..<changed.count, using: &random)
        changed[index] = UInt8.random(in: 0...255, using: &random)
        #expect(encoding.decode(changed) != bytes || changed == text)
      }
    }
  }
}
