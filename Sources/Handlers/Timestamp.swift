/// Times in frames.
enum Timestamp {
  private static let millisecondsPerDay = 86_400_000

  /// The ISO 8601 form in UTC of milliseconds since 1970, such as `2026-11-25T16:04:26.123Z`.
  ///
  /// `Date.ISO8601FormatStyle` cuts a binary fraction and is one millisecond off for some times.
  static func text(milliseconds: Int) -> String {
    let time = min(max(milliseconds, 0), MessageID.latestTime)
    let (days, rest) = time.quotientAndRemainder(dividingBy: millisecondsPerDay)
    // Days to a date of the Gregorian calendar, in eras of 400 years that start on 1 March.
    let day = days + 719_468
    let dayOfEra = day % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let isNextYear = month >= 10
    let year = yearOfEra + day / 146_097 * 400 + (isNextYear ? 1 : 0)
    let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
    let date = "\(pad(year, 4))-\(pad(month + (isNextYear ? -9 : 3), 2))-\(pad(dayOfMonth, 2))"
    let clock = "\(pad(rest / 3_600_000, 2)):\(pad(rest / 60_000 % 60, 2)):\(pad(rest / 1000 % 60, 2))"
    return "\(date)T\(clock).\(pad(rest % 1000, 3))Z"
  }

  private static func pad(_ number: Int, _ digits: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
