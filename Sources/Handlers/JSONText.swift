/// Tells whether bytes are one JSON text (RFC 8259), by its grammar alone.
///
/// A message is passed on byte for byte, so nothing of it has to be built: any depth, numbers of any size and escaped
/// lone surrogates are the reader's business. It does not recurse, so no depth can exhaust the stack.
public struct JSONText {
  private let bytes: [UInt8]
  private var index = 0

  private enum Container {
    case array, object
  }

  /// Whether the bytes are one JSON text in UTF-8.
  public static func isValid(_ bytes: [UInt8]) -> Bool {
    var text = JSONText(bytes: bytes)
    // JSON between systems is UTF-8 (section 8.1).
    return text.matches() && String(validating: bytes, as: UTF8.self) != nil
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func matches() -> Bool {
    var open: [Container] = []
    while true {
      // Here a value begins.
      skipWhitespace()
      if consume("{") {
        skipWhitespace()
        if !consume("}") {
          guard memberName() else { return false }
          open.append(.object)
          continue
        }
      } else if consume("[") {
        skipWhitespace()
        if !consume("]") {
          open.append(.array)
          continue
        }
      } else if !scalar() {
        return false
      }
      // Here a value has ended, and with it perhaps what it stands in.
      while true {
        skipWhitespace()
        guard let container = open.last else { return index == bytes.count }
        if consume(",") {
          skipWhitespace()
          guard container == .array || memberName() else { return false }
          break
        }
        guard consume(container == .array ? "]" : "}") else { return false }
        open.removeLast()
      }
    }
  }

  private mutating func memberName() -> Bool {
    guard string() else { return false }
    skipWhitespace()
    return consume(":")
  }

  private mutating func scalar() -> Bool {
    switch current {
    case UInt8(ascii: "\""): string()
    case UInt8(ascii: "t"): consume("true")
    case UInt8(ascii: "f"): consume("false")
    case UInt8(ascii: "n"): consume("null")
    default: number()
    }
  }

  private mutating func string() -> Bool {
    guard consume("\"") else { return false }
    while let byte = current {
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return true
      case UInt8(ascii: "\\"): guard escape() else { return false }
      case ..<0x20: return false
      default: break
      }
    }
    return false
  }

  private mutating func escape() -> Bool {
    guard let byte = current else { return false }
    index += 1
    guard byte == UInt8(ascii: "u") else { return "\"\\/bfnrt".utf8.contains(byte) }
    for _ in 0..<4 {
      guard let digit = current, Character(Unicode.Scalar(digit)).isHexDigit else { return false }
      index += 1
    }
    return true
  }

  private mutating func number() -> Bool {
    _ = consume("-")
    guard consume("0") || digits() else { return false }
    if consume(".") {
      guard digits() else { return false }
    }
    if consume("e") || consume("E") {
      _ = consume("+") || consume("-")
      guard digits() else { return false }
    }
    return true
  }

  private mutating func digits() -> Bool {
    let start = index
    while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
    return index > start
  }

  private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func consume(_ text: StaticString) -> Bool {
    let end = index + text.utf8CodeUnitCount
    guard end <= bytes.count,
      bytes[index..<end].elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    else { return false }
    index = end
    return true
  }

  private mutating func skipWhitespace() {
    while let byte = current, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { index += 1 }
  }
}
