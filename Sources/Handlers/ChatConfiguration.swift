import AWS
import WebSocketAPI

/// The chat's settings, read once at the start.
public struct ChatConfiguration: Sendable, Equatable {
  /// The default of `PRESENCE_LIMIT`.
  public static let defaultPresenceLimit = 100
  /// The default of `DIRECT_LIMIT`.
  public static let defaultDirectLimit = 2000
  /// The default of `POSTS_PER_SECOND`: four fifths of the account's quota, so that small rooms are served meanwhile.
  public static let defaultPostsPerSecond = 8000
  private static let maximumDirectLimit = 10_000
  private static let maximumPostsPerSecond = 1_000_000
  private static let maximumPresenceLimit = 1000
  private static let defaultHistoryDays = 7
  private static let maximumHistoryDays = 3650
  private static let defaultMessagesBurst = 20
  private static let maximumMessages = 1000
  private static let maximumConnectionsPerUser = 1000

  /// The DynamoDB table of connections: `TABLE_NAME`.
  public let table: String
  /// The DynamoDB table of kept messages: `MESSAGES_TABLE_NAME`. `nil` if none is set.
  public let messagesTable: String?
  /// The DynamoDB table of bans and of the audit trail, which may be that of messages: `MODERATION_TABLE_NAME`. `nil` if
  /// there are no bans.
  public let moderationTable: String?
  /// The days for which a message is kept: `HISTORY_DAYS`. 0 keeps nothing.
  public let historyDays: Int
  /// The largest number of people in a room whose joins and leaves are announced: `PRESENCE_LIMIT`.
  public let presenceLimit: Int
  /// The number of posts of one message in flight: `BROADCAST_CONCURRENCY`.
  public let broadcastConcurrency: Int
  /// The most people in a room that a message's own invocation serves: `DIRECT_LIMIT`.
  public let directLimit: Int
  /// The posts a second of all deliveries to large rooms together: `POSTS_PER_SECOND`.
  public let postsPerSecond: Int
  /// The name of the function that delivers to large rooms: `DELIVER_FUNCTION`. `nil` if rooms of every size are served
  /// directly.
  public let deliverFunction: String?
  /// The id and the stage of the API, for functions that no event of the API invokes: `WEBSOCKET_API_ID` and
  /// `WEBSOCKET_STAGE`.
  public let webSocketAPI: String?
  /// See `webSocketAPI`.
  public let webSocketStage: String?
  /// The limit on the messages of one connection: `MESSAGES_PER_SECOND` and `MESSAGES_BURST`. `nil` for none.
  public let messageLimit: MessageLimit?
  /// The most connections of one person: `CONNECTIONS_PER_USER`. `nil` for any number.
  public let connectionsPerUser: Int?
  /// The web pages that may connect: `ALLOWED_ORIGINS`. `nil` for all.
  public let origins: AllowedOrigins?
  /// The issuer of tokens, and what is expected of them. `nil` without sign-in.
  public let tokens: TokenConfiguration?

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
    moderationTable = try environment.value("MODERATION_TABLE_NAME")
    historyDays =
      try environment.wholeNumber("HISTORY_DAYS", in: 0...Self.maximumHistoryDays) ?? Self.defaultHistoryDays
    presenceLimit =
      try environment.wholeNumber("PRESENCE_LIMIT", in: 0...Self.maximumPresenceLimit) ?? Self.defaultPresenceLimit
    broadcastConcurrency =
      try environment.wholeNumber("BROADCAST_CONCURRENCY", in: 1...Broadcast.maximumConcurrency)
      ?? Broadcast.defaultConcurrency
    directLimit =
      try environment.wholeNumber("DIRECT_LIMIT", in: 1...Self.maximumDirectLimit) ?? Self.defaultDirectLimit
    postsPerSecond =
      try environment.wholeNumber("POSTS_PER_SECOND", in: 1...Self.maximumPostsPerSecond)
      ?? Self.defaultPostsPerSecond
    deliverFunction = try environment.value("DELIVER_FUNCTION")
    webSocketAPI = try environment.value("WEBSOCKET_API_ID")
    webSocketStage = try environment.value("WEBSOCKET_STAGE")
    let perSecond = try environment.wholeNumber("MESSAGES_PER_SECOND", in: 0...Self.maximumMessages) ?? 0
    let burst =
      try environment.wholeNumber("MESSAGES_BURST", in: 1...Self.maximumMessages) ?? Self.defaultMessagesBurst
    messageLimit = perSecond > 0 ? MessageLimit(perSecond: perSecond, burst: burst) : nil
    let connections = try environment.wholeNumber("CONNECTIONS_PER_USER", in: 0...Self.maximumConnectionsPerUser) ?? 0
    connectionsPerUser = connections > 0 ? connections : nil
    origins = try environment.value("ALLOWED_ORIGINS").map { list throws(ConfigurationError) in try AllowedOrigins(list)
    }
    tokens = try TokenConfiguration(environment)
  }
}
