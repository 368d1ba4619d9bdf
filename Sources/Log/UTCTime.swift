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
