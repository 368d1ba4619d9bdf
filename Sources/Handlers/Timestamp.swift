import Log

/// Times in frames.
enum Timestamp {
  /// The ISO 8601 form in UTC of milliseconds since 1970, such as `2026-11-25T16:04:26.123Z`.
  ///
  /// `Date.ISO8601FormatStyle` cuts a binary fraction and is one millisecond off for some times.
  static func text(milliseconds: Int) -> String {
    let time = min(max(milliseconds, 0), MessageID.latestTime)
    let utc = UTCTime(secondsSince1970: time / 1000)
    let date = "\(pad(utc.year, 4))-\(pad(utc.month, 2))-\(pad(utc.day, 2))"
    let clock = "\(pad(utc.hour, 2)):\(pad(utc.minute, 2)):\(pad(utc.second, 2))"
    return "\(date)T\(clock).\(pad(time % 1000, 3))Z"
  }

  private static func pad(_ number: Int, _ digits: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
