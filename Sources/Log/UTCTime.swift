/// A time in UTC, of the Gregorian calendar. Computed without Foundation and without allocations, so that a signal handler
/// can use it.
package struct UTCTime {
  package let year: Int
  package let month: Int
  package let day: Int
  package let hour: Int
  package let minute: Int
  package let second: Int

  /// - Parameter seconds: Whole seconds since 1970, at least 0.
  package init(secondsSince1970 seconds: Int) {
    let (days, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
    // Days to a date, in eras of 400 years that start on 1 March.
    let dayCount = days + 719_468
    let dayOfEra = dayCount % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let isNextYear = monthFromMarch >= 10
    year = yearOfEra + dayCount / 146_097 * 400 + (isNextYear ? 1 : 0)
    month = monthFromMarch + (isNextYear ? -9 : 3)
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    hour = rest / 3600
    minute = rest / 60 % 60
    second = rest % 60
  }
}

/// Texts, whose strings are allocated: not for a signal handler.
extension UTCTime {
  /// The form of JavaScript's `toISOString`, such as `2026-11-25T16:04:26.123Z`.
  ///
  /// - Parameter milliseconds: Whole milliseconds since 1970; a negative number is taken as 0.
  package static func text(milliseconds: Int) -> String {
    let milliseconds = max(0, milliseconds)
    let time = UTCTime(secondsSince1970: milliseconds / 1000)
    let date = "\(pad(time.year, 4))-\(pad(time.month, 2))-\(pad(time.day, 2))"
    let clock = "\(pad(time.hour, 2)):\(pad(time.minute, 2)):\(pad(time.second, 2))"
    return "\(date)T\(clock).\(pad(milliseconds % 1000, 3))Z"
  }

  /// The basic form of ISO 8601, such as `20261125T160426Z`.
  ///
  /// - Parameter seconds: Whole seconds since 1970; a negative number is taken as 0.
  package static func basicText(seconds: Int) -> String {
    let time = UTCTime(secondsSince1970: max(0, seconds))
    let date = "\(pad(time.year, 4))\(pad(time.month, 2))\(pad(time.day, 2))"
    return "\(date)T\(pad(time.hour, 2))\(pad(time.minute, 2))\(pad(time.second, 2))Z"
  }

  private static func pad(_ number: Int, _ digits: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// The whole milliseconds since 1970 of a date and time in ISO 8601, with or without a fraction, in UTC or with an offset,
  /// such as `2026-11-25T16:04:26.123Z` and `2026-11-25T17:04:26+01:00`.
  ///
  /// - Returns: `nil` for any other text, a date that does not exist, and one before 1970.
  package static func milliseconds(_ text: String) -> Int? {
    var rest = text.utf8[...]
    func skip(_ byte: UInt8) -> Bool {
      guard rest.first == byte else { return false }
      rest.removeFirst()
      return true
    }
    func number(digits: Int) -> Int? {
      var number = 0
      for _ in 0..<digits {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        number = number * 10 + Int(byte - UInt8(ascii: "0"))
        rest.removeFirst()
      }
      return number
    }
    let (dash, colon) = (UInt8(ascii: "-"), UInt8(ascii: ":"))
    guard let year = number(digits: 4), skip(dash), let month = number(digits: 2), skip(dash),
      let day = number(digits: 2), skip(UInt8(ascii: "T")),
      let hour = number(digits: 2), skip(colon), let minute = number(digits: 2), skip(colon),
      let second = number(digits: 2), hour < 24, minute < 60, second < 60
    else { return nil }
    var fraction = 0
    if skip(UInt8(ascii: ".")) {
      var unit = 100
      guard let tenths = number(digits: 1) else { return nil }
      fraction = tenths * unit
      while let digit = number(digits: 1) {
        unit /= 10
        fraction += digit * unit
      }
    }
    var offset = 0
    if !skip(UInt8(ascii: "Z")) {
      let isEast = skip(UInt8(ascii: "+"))
      guard isEast || skip(dash), let hours = number(digits: 2), skip(colon) || true, let minutes = number(digits: 2),
        hours < 24, minutes < 60
      else { return nil }
      offset = (hours * 60 + minutes) * (isEast ? 60 : -60)
    }
    guard rest.isEmpty, let days = days(year: year, month: month, day: day) else { return nil }
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset
    return seconds >= 0 ? seconds * 1000 + fraction : nil
  }

  /// The days from 1970 to a date; `nil` if the date does not exist or is earlier.
  private static func days(year: Int, month: Int, day: Int) -> Int? {
    // In years that start on 1 March.
    let yearFromMarch = month > 2 ? year : year - 1
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let leapDays = yearFromMarch / 4 - yearFromMarch / 100 + yearFromMarch / 400
    let days = 365 * yearFromMarch + leapDays + dayOfYear - 719_468
    guard days >= 0 else { return nil }
    // 31 February would be a day in March.
    let date = UTCTime(secondsSince1970: days * 86_400)
    return date.year == year && date.month == month && date.day == day ? days : nil
  }
}
