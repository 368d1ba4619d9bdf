import AWS
import WebSocketAPI

/// The chat's settings, read once at the start.
public struct ChatConfiguration: Sendable, Equatable {
  /// The default of `PRESENCE_LIMIT`.
  public static let defaultPresenceLimit = 100
  private static let maximumPresenceLimit = 1000
  private static let defaultHistoryDays = 7
  private static let maximumHistoryDays = 3650

  /// The DynamoDB table of connections: `TABLE_NAME`.
  public let table: String
  /// The DynamoDB table of kept messages: `MESSAGES_TABLE_NAME`. `nil` if none is set.
  public let messagesTable: String?
  /// The days for which a message is kept: `HISTORY_DAYS`. 0 keeps nothing.
  public let historyDays: Int
  /// The largest number of people in a room whose joins and leaves are announced: `PRESENCE_LIMIT`.
  public let presenceLimit: Int
  /// The number of posts of one message in flight: `BROADCAST_CONCURRENCY`.
  public let broadcastConcurrency: Int

  /// Reads the settings.
  ///
  /// - Throws: `ConfigurationError`, which names the variable and what to do.
  public init(environment: [String: String]) throws(ConfigurationError) {
    let environment = Environment(environment)
    guard let table = try environment.value("TABLE_NAME") else {
      throw ConfigurationError("TABLE_NAME is not set: set it to the name of the DynamoDB table of connections.")
    }
    self.table = table
    messagesTable = try environment.value("MESSAGES_TABLE_NAME")
    historyDays =
      try environment.wholeNumber("HISTORY_DAYS", in: 0...Self.maximumHistoryDays) ?? Self.defaultHistoryDays
    presenceLimit =
      try environment.wholeNumber("PRESENCE_LIMIT", in: 0...Self.maximumPresenceLimit) ?? Self.defaultPresenceLimit
    broadcastConcurrency =
      try environment.wholeNumber("BROADCAST_CONCURRENCY", in: 1...Broadcast.maximumConcurrency)
      ?? Broadcast.defaultConcurrency
  }
}
