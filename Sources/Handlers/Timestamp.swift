import Log

/// Times in frames.
enum Timestamp {
  /// The ISO 8601 form in UTC of milliseconds since 1970, such as `2026-11-25T16:04:26.123Z`.
  static func text(milliseconds: Int) -> String {
    UTCTime.text(milliseconds: min(milliseconds, MessageID.latestTime))
  }
}
