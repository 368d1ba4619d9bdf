#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A row of the table: a socket that was open when it was written.
public struct Connection: Sendable, Equatable {
  /// API Gateway closes every socket after two hours; ten minutes are for clocks and late events.
  static let lifetime: TimeInterval = 2 * 3600 + 600

  /// API Gateway's id of the connection.
  public let connectionID: String
  /// When it was opened, as JavaScript's `toISOString` prints it.
  public let timestamp: String?
  /// When the row is of no more use, in seconds since 1970: the table's TTL attribute.
  public let expiresAt: Int?

  /// Makes a row as it was read.
  public init(connectionID: String, timestamp: String?, expiresAt: Int?) {
    self.connectionID = connectionID
    self.timestamp = timestamp
    self.expiresAt = expiresAt
  }

  /// Makes the row of a connection that opens now.
  public init(connectionID: String, openedAt date: Date) {
    self.init(
      connectionID: connectionID,
      timestamp: date.formatted(Self.timestampStyle),
      expiresAt: Int(date.timeIntervalSince1970 + Self.lifetime))
  }

  /// Whether the socket must be closed by now. DynamoDB deletes such a row within days, not at once.
  func isExpired(at date: Date) -> Bool {
    expiresAt.map { TimeInterval($0) <= date.timeIntervalSince1970 } ?? false
  }

  /// Whether the row was written less than that many seconds ago. One whose time cannot be read counts as old.
  func isYounger(than age: TimeInterval, at date: Date) -> Bool {
    guard let timestamp, let openedAt = try? Date(timestamp, strategy: Self.timestampStyle) else { return false }
    return date.timeIntervalSince(openedAt) < age
  }

  /// As JavaScript's `toISOString` prints a time: UTC, with three digits of milliseconds.
  private static let timestampStyle = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
