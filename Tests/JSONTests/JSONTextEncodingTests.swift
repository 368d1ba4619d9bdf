import JSON
import Testing

struct JSONTextEncodingTests {
  @Test(
    "Text is converted to UTF-8 by its byte-order mark",
    arguments: [
      [0x7B, 0x7D], [0xEF, 0xBB, 0xBF, 0x7B, 0x7D], [0xFF, 0xFE, 0x7B, 0, 0x7D, 0], [0xFE, 0xFF, 0, 0x7B, 0, 0x7D],
      [0xFF, 0xFE, 0, 0, 0x7B, 0, 0, 0, 0x7D, 0, 0, 0], [0, 0, 0xFE, 0xFF, 0, 0, 0, 0x7B, 0, 0, 0, 0x7D],
    ] as [[UInt8]])
  func converts(bytes: [UInt8]) {
    #expect(JSONText.utf8(bytes) == Array("{}".utf8))
  }

  @Test("Characters beyond the basic plane survive, and a mark inside the text stays")
  func keepsText() {
    let text = "\"ü🦆\u{FEFF}\""
    let bytes: [UInt8] = [0xFF, 0xFE] + text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] as [UInt8] }
    #expect(JSONText.utf8(bytes) == Array(text.utf8))
    #expect(JSONText.utf8([0xEF, 0xBB, 0xBF] + Array(text.utf8)) == Array(text.utf8))
  }

  @Test(
    "Only one mark is removed, and an incomplete one is text",
    arguments: [[0xEF, 0xBB], [0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF]] as [[UInt8]])
  func oneMark(bytes: [UInt8]) {
    #expect(JSONText.utf8(bytes) == Array(bytes.count == 2 ? bytes : Array(bytes.dropFirst(3))))
  }

  @Test(
    "Text that is not valid in the encoding of its mark is refused",
    arguments: [[0xFF, 0xFE, 0x7B], [0xFE, 0xFF, 0xD8, 0], [0, 0, 0xFE, 0xFF, 0, 0x11, 0, 0]] as [[UInt8]])
  func refuses(bytes: [UInt8]) {
    #expect(JSONText.utf8(bytes) == nil)
  }
}
