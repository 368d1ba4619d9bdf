import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A row of the connection table.
public struct Connection: Sendable, Equatable {
  /// The room of connections that name none.
  public static let defaultRoom = "lobby"

  /// API Gateway closes connections after two hours; ten minutes allow for clock skew and late events.
  static let lifetime: TimeInterval = 2 * 3600 + 600

  /// API Gateway's id of the connection.
  public let connectionID: String
  /// The time at which the connection opened, in ISO 8601 with milliseconds, such as `2026-11-25T18:00:00.000Z`.
  public let timestamp: String?
  /// The expiry of the row in seconds since 1970: the table's TTL attribute.
  public let expiresAt: Int?
  /// The room whose messages the connection receives.
  public let room: String
  /// The id of the person, `nil` if the row has none.
  public let userID: String?
  /// The name of the person, `nil` if the row has none.
  public let name: String?
  /// The time at which the person entered the room, in milliseconds since 1970; `nil` before.
  public let enteredAt: Int?
  /// Whether the person may only read in the room.
  public let isReadOnly: Bool

  /// Creates a row from its stored attributes.
  public init(
    connectionID: String, timestamp: String?, expiresAt: Int?, room: String = defaultRoom, userID: String? = nil,
    name: String? = nil, enteredAt: Int? = nil, isReadOnly: Bool = false
  ) {
    self.connectionID = connectionID
    self.timestamp = timestamp
    self.expiresAt = expiresAt
    self.room = room
    self.userID = userID
    self.name = name
    self.enteredAt = enteredAt
    self.isReadOnly = isReadOnly
  }

  /// Creates the row of a connection that opens at a date.
  public init(
    connectionID: String, openedAt date: Date, room: String = defaultRoom, userID: String? = nil, name: String? = nil,
    isReadOnly: Bool = false
  ) {
    self.init(
      connectionID: connectionID,
      timestamp: UTCTime.text(milliseconds: date.milliseconds),
      expiresAt: Int(date.timeIntervalSince1970 + Self.lifetime),
      room: room, userID: userID, name: name, isReadOnly: isReadOnly)
  }

  /// Whether the row has expired. DynamoDB deletes expired rows within days.
  public func isExpired(at date: Date) -> Bool {
    expiresAt.map { TimeInterval($0) <= date.timeIntervalSince1970 } ?? false
  }

  /// Whether the row is younger than an age in seconds; `false` if its timestamp cannot be parsed.
  func isYounger(than age: TimeInterval, at date: Date) -> Bool {
    guard let timestamp, let openedAt = UTCTime.milliseconds(timestamp) else { return false }
    return date.timeIntervalSince1970 - TimeInterval(openedAt) / 1000 < age
  }
}
