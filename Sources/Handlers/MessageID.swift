/// The id of a message: a UUID of version 7 (RFC 9562, section 5.7), which sorts by the time of its creation.
public struct MessageID: Sendable, Hashable, Comparable {
  /// A value above every id; not a UUID of version 7.
  static let greatest = MessageID(value: .max)
  /// The latest time that an id can hold, in milliseconds since 1970.
  static let latestTime = (1 << 48) - 1

  private let value: UInt128

  private init(value: UInt128) { self.value = value }

  /// Creates an id from its fields.
  ///
  /// - Parameters:
  ///   - time: milliseconds since 1970, clamped to the range from 0 to `latestTime`.
  ///   - counter: `rand_a`; its lower 12 bits are used.
  ///   - random: `rand_b`; its lower 62 bits are used.
  init(time: Int, counter: UInt16, random: UInt64) {
    let time = UInt128(min(max(time, 0), Self.latestTime))
    let high = time << 16 | 0x7000 | UInt128(counter & 0xFFF)
    value = high << 64 | UInt128(1) << 63 | UInt128(random & (1 << 62 - 1))
  }

  /// The smallest id of a time in milliseconds since 1970.
  static func first(at time: Int) -> MessageID { MessageID(time: time, counter: 0, random: 0) }

  /// Reads the textual form (RFC 9562, section 4), in upper or lower case.
  ///
  /// - Returns: `nil` if the text is not a UUID of version 7.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return nil }
    var value: UInt128 = 0
    for (index, byte) in bytes.enumerated() {
      if [8, 13, 18, 23].contains(index) {
        guard byte == UInt8(ascii: "-") else { return nil }
      } else {
        guard let digit = Self.digit(byte) else { return nil }
        value = value << 4 | digit
      }
    }
    guard value >> 76 & 0xF == 7, value >> 62 & 0b11 == 0b10 else { return nil }
    self.value = value
  }

  /// The textual form in lower case, 36 characters.
  public var text: String {
    var digits = Array(String(value, radix: 16))
    digits = Array(repeating: "0", count: 32 - digits.count) + digits
    for index in [20, 16, 12, 8] { digits.insert("-", at: index) }
    return String(digits)
  }

  /// The time of the id in milliseconds since 1970.
  var time: Int { Int(value >> 80) }

  /// The value that follows in the order of ids; the greatest follows itself.
  var successor: MessageID { MessageID(value: value == .max ? value : value + 1) }

  /// The value that precedes in the order of ids; the smallest precedes itself.
  var predecessor: MessageID { MessageID(value: value == 0 ? value : value - 1) }

  /// Orders by time, then by counter and random bits, as the textual forms sort.
  public static func < (left: MessageID, right: MessageID) -> Bool { left.value < right.value }

  private static func digit(_ byte: UInt8) -> UInt128? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt128(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt128(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt128(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
