/// The positions of all values of a JSON text (RFC 8259), found in one pass: a value is read without reading others.
///
/// A value is a number, the root's is 0. The values within an array or object follow it in the order of the text; in an
/// object, each name, which is a string, precedes its value.
package struct JSONIndex: Sendable {
  /// The kinds of values.
  package enum Kind: UInt8, Sendable {
    case object, array, string, number, null, `true`, `false`
  }

  /// The maximum number of arrays and objects around a value.
  package static let maximumDepth = 512

  private struct Value {
    let kind: Kind
    /// Whether a string's content is ASCII without escapes.
    let isPlain: Bool
    /// The content of a string or number.
    let start: UInt32
    let end: UInt32
    /// The number of elements or members.
    var count: UInt32 = 0
    /// The value after this one and everything within it.
    var next: UInt32

    init(_ kind: Kind, _ content: Range<Int> = 0..<0, isPlain: Bool = false, next: Int) {
      self.kind = kind
      self.isPlain = isPlain
      start = UInt32(truncatingIfNeeded: content.lowerBound)
      end = UInt32(truncatingIfNeeded: content.upperBound)
      self.next = UInt32(truncatingIfNeeded: next)
    }
  }

  private let scanner: JSONScanner
  private var values: [Value] = []
  /// Whether all names are ASCII without escapes.
  package private(set) var hasPlainNames = true

  /// Finds the values of a text.
  ///
  /// - Returns: `nil` if the text is not JSON, is nested too deeply, or has 4 GiB.
  package init?(_ bytes: [UInt8]) {
    guard UInt32(exactly: bytes.count) != nil else { return nil }
    scanner = JSONScanner(bytes)
    var scanner = scanner
    // Fits most objects of names and short values without another allocation.
    values.reserveCapacity(bytes.count / 8 + 8)
    var (innermost, depth, maximumDepth) = (0, 0, 0)
    do throws(JSONScanner.Mismatch) {
      try scanner.walk { token in
        add(token, &innermost, &depth)
        maximumDepth = max(maximumDepth, depth)
      }
      try scanner.end()
    } catch {
      return nil
    }
    guard maximumDepth <= Self.maximumDepth else { return nil }
  }

  /// - Parameters:
  ///   - innermost: The innermost array or object that has not ended. Until it ends, its `next` is the one around it.
  ///   - depth: The number of arrays and objects that have not ended.
  private mutating func add(_ token: JSONScanner.Token, _ innermost: inout Int, _ depth: inout Int) {
    let next = values.count + 1
    switch token {
    case .end:
      let ended = innermost
      innermost = Int(values[ended].next)
      values[ended].next = UInt32(truncatingIfNeeded: values.count)
      depth -= 1
      return
    case .object: values.append(Value(.object, next: innermost))
    case .array: values.append(Value(.array, next: innermost))
    case .string(let content, let isPlain): values.append(Value(.string, content, isPlain: isPlain, next: next))
    case .number(let content): values.append(Value(.number, content, next: next))
    case .word(let start): values.append(Value(kind(ofWordAt: start), next: next))
    case .name(let content, let isPlain):
      values.append(Value(.string, content, isPlain: isPlain, next: next))
      if !isPlain { hasPlainNames = false }
      values[innermost].count += 1
      return
    }
    if depth > 0, values[innermost].kind == .array { values[innermost].count += 1 }
    if values[next - 1].kind == .object || values[next - 1].kind == .array {
      innermost = next - 1
      depth += 1
    }
  }

  private func kind(ofWordAt start: Int) -> Kind {
    switch scanner.bytes[start] {
    case UInt8(ascii: "t"): .true
    case UInt8(ascii: "f"): .false
    default: .null
    }
  }

  // MARK: - Values

  /// The kind of a value.
  package func kind(_ value: Int) -> Kind { values[value].kind }

  /// The number of an array's elements or an object's members.
  package func count(_ container: Int) -> Int { Int(values[container].count) }

  /// The value after this one and everything within it; for the last of a container, the value after the container.
  package func next(_ value: Int) -> Int { Int(values[value].next) }

  /// The text of a string; `nil` for another value, and for a string without a UTF-8 form.
  package func string(_ value: Int) -> String? {
    guard values[value].kind == .string else { return nil }
    return scanner.text(content(value), isPlain: values[value].isPlain)
  }

  /// A number that is written as an integer; `nil` for another value, and for a number out of range.
  package func integer<Integer: FixedWidthInteger>(_ value: Int) -> Integer? {
    guard values[value].kind == .number else { return nil }
    var digits = scanner.bytes[content(value)]
    let isNegative = digits.first == UInt8(ascii: "-")
    guard Integer.isSigned || !isNegative else { return nil }
    if isNegative { digits.removeFirst() }
    var result: Integer = 0
    for digit in digits {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
      let (shifted, isTooLarge) = result.multipliedReportingOverflow(by: 10)
      let digit = Integer(digit - UInt8(ascii: "0"))
      let (sum, overflows) =
        isNegative ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
      guard !isTooLarge, !overflows else { return nil }
      result = sum
    }
    return result
  }

  /// The nearest number; `nil` for another value, and for a number that is out of range or loses precision because it is
  /// close to zero.
  package func floatingPoint<Number: BinaryFloatingPoint & LosslessStringConvertible>(_ value: Int) -> Number? {
    guard values[value].kind == .number else { return nil }
    if let number = smallNumber(content(value)) as Number? { return number }
    let text = String(decoding: scanner.bytes[content(value)], as: UTF8.self)
    guard let number = Number(text), number.isNormal else { return nil }
    return number
  }

  /// A number of few digits and no exponent; `nil` for any other.
  ///
  /// The quotient of two exact numbers is rounded once, so it is the nearest number (W. D. Clinger, "How to Read Floating
  /// Point Numbers Accurately", 1990). The general way takes 25 times as many instructions.
  private func smallNumber<Number: BinaryFloatingPoint>(_ content: Range<Int>) -> Number? {
    // Six digits are exact in a Float, too.
    guard content.count <= 7, scanner.bytes[content.lowerBound] != UInt8(ascii: "-") else { return nil }
    var (digits, scale, hasPoint) = (0, 1, false)
    for byte in scanner.bytes[content] {
      if byte == UInt8(ascii: ".") {
        hasPoint = true
      } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        digits = digits * 10 + Int(byte - UInt8(ascii: "0"))
        if hasPoint { scale *= 10 }
      } else {
        return nil
      }
    }
    return Number(digits) / Number(scale)
  }

  private func content(_ value: Int) -> Range<Int> { Int(values[value].start)..<Int(values[value].end) }

  // MARK: - Members

  /// The value of a member of an object; `nil` if there is none.
  ///
  /// - Parameter name: The name, which is compared byte by byte with those that are ASCII without escapes.
  package func member(_ name: String, of object: Int) -> Int? {
    var name = name
    return name.withUTF8 { name in
      var member = object + 1
      for _ in 0..<count(object) {
        if hasContent(member, name) { return member + 1 }
        member = next(member + 1)
      }
      return nil
    }
  }

  /// Whether no two members of an object have the same name, provided that all names are ASCII without escapes. Compares each
  /// with each.
  package func hasUniqueNames(_ object: Int) -> Bool {
    var member = object + 1
    for index in 0..<count(object) {
      var earlier = object + 1
      for _ in 0..<index {
        if scanner.bytes[content(earlier)] == scanner.bytes[content(member)] { return false }
        earlier = next(earlier + 1)
      }
      member = next(member + 1)
    }
    return true
  }

  private func hasContent(_ value: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    let content = content(value)
    guard content.count == text.count, values[value].isPlain else { return false }
    for offset in 0..<text.count where scanner.bytes[content.lowerBound + offset] != text[offset] { return false }
    return true
  }
}
