import AWS
import WebSocketAPI

/// The chat's settings, read once at the start.
public struct ChatConfiguration: Sendable, Equatable {
  /// The DynamoDB table of connections: `TABLE_NAME`.
  public let table: String
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
    broadcastConcurrency =
      try environment.wholeNumber("BROADCAST_CONCURRENCY", in: 1...Broadcast.maximumConcurrency)
      ?? Broadcast.defaultConcurrency
  }
}
