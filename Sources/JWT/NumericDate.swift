#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A point in time as JSON Web Tokens write it: seconds since 1970-01-01T00:00:00Z, leap seconds ignored, fractions
/// allowed (RFC 7519 §2).
public struct NumericDate: Sendable, Comparable {
  /// The seconds since 1970-01-01T00:00:00Z.
  public let secondsSince1970: Double

  /// Creates a date from the seconds since 1970-01-01T00:00:00Z.
  public init(secondsSince1970: Double) { self.secondsSince1970 = secondsSince1970 }

  /// The time of the system's clock.
  public static var now: NumericDate {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return NumericDate(secondsSince1970: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
  }

  /// Whether a date is earlier than another. A date that is not a number is neither earlier nor later than any.
  public static func < (left: NumericDate, right: NumericDate) -> Bool {
    left.secondsSince1970 < right.secondsSince1970
  }

  /// The dates that a claim may hold: the years 1970 to 9999.
  static let acceptedSeconds = 0.0..<253_402_300_800

  /// Creates a date from a claim's value.
  ///
  /// - Returns: `nil` unless the value is a number in `acceptedSeconds`.
  init?(claim value: JSONValue) {
    guard case .number(let seconds) = value, Self.acceptedSeconds.contains(seconds) else { return nil }
    self.init(secondsSince1970: seconds)
  }

  func advanced(by seconds: Double) -> NumericDate { NumericDate(secondsSince1970: secondsSince1970 + seconds) }
}
