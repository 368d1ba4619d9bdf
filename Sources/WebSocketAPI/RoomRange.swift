/// A range of the keys of a room: those whose four hexadecimal digits lie between two bounds, both included.
///
/// The digits are distributed uniformly, so equal ranges hold about the same number of connections.
public struct RoomRange: Sendable, Equatable {
  /// The smallest digits in the range.
  public let lower: UInt16
  /// The largest digits in the range, at least `lower`.
  public let upper: UInt16

  /// All keys of a room.
  public static let all = RoomRange(lower: .min, upper: .max)

  private init(lower: UInt16, upper: UInt16) {
    self.lower = lower
    self.upper = upper
  }

  /// Reads a range from its bounds, each of four lower-case hexadecimal digits.
  ///
  /// - Parameters:
  ///   - lower: the smallest digits in the range.
  ///   - upper: the largest digits in the range.
  /// - Returns: `nil` if a bound has another form, or the lower one is above the upper one.
  public init?(lower: String, upper: String) {
    guard let lower = Self.bound(lower), let upper = Self.bound(upper), lower <= upper else { return nil }
    self.init(lower: lower, upper: upper)
  }

  /// The smallest digits in the range as text, such as `0000`.
  public var lowerText: String { Self.text(lower) }
  /// The largest digits in the range as text, such as `ffff`.
  public var upperText: String { Self.text(upper) }

  /// Splits the range into equal ranges in ascending order, without a gap or an overlap. Their sizes differ by at most 1.
  ///
  /// - Parameter count: the number of ranges. At least one range and at most one for each value of the digits is returned.
  public func split(into count: Int) -> [RoomRange] {
    let size = Int(upper) - Int(lower) + 1
    let count = min(max(1, count), size)
    return (0..<count).map { index in
      RoomRange(
        lower: lower + UInt16(size * index / count), upper: lower + UInt16(size * (index + 1) / count - 1))
    }
  }

  /// The sort keys that enclose exactly the keys of the range: a key has a connection's id after its digits, so that no
  /// key equals the upper one.
  var sortKeys: (from: String, to: String) {
    // "g" is greater than every hexadecimal digit.
    (lowerText, upper == .max ? "g" : Self.text(upper + 1))
  }

  private static func bound(_ text: String) -> UInt16? {
    let isHex = text.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
    return isHex && text.utf8.count == RoomKey.digits ? UInt16(text, radix: 16) : nil
  }

  private static func text(_ bound: UInt16) -> String {
    let text = String(bound, radix: 16)
    return String(repeating: "0", count: RoomKey.digits - text.utf8.count) + text
  }
}
