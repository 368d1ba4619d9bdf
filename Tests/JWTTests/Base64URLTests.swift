import JWTTestSupport
import TestServers
import Testing

@testable import JWT

@Suite struct Base64URLTests {
  @Test(
    "The vectors of RFC 4648 §10, without padding",
    arguments: [
      ("", ""), ("Zg", "f"), ("Zm8", "fo"), ("Zm9v", "foo"), ("Zm9vYg", "foob"), ("Zm9vYmE", "fooba"),
      ("Zm9vYmFy", "foobar"),
    ])
  func vectors(text: String, expected: String) {
    #expect(Base64URL.decode(text.utf8) == Array(expected.utf8))
  }

  @Test("Random bytes are decoded as Foundation encodes them, and a text has no second accepted spelling")
  func random() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<500 {
      let bytes = (0..<Int.random(in: 1...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let text = bytes.base64URL
      #expect(Base64URL.decode(text.utf8) == bytes)
      var changed = Array(text.utf8)
      let index = Int.random(in: 0..<changed.count, using: &random)
      changed[index] = UInt8.random(in: 0...255, using: &random)
      #expect(Base64URL.decode(changed) != bytes || changed == Array(text.utf8))
    }
  }
}
