import Log
import WebSocketAPI

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The services and settings that the chat's handlers share.
public struct Chat: Sendable {
  /// Creates the gateway for the stage of an event.
  public typealias GatewayFactory = @Sendable (WebSocketEvent) throws -> any ConnectionGateway

  let connections: any ConnectionStore
  /// `nil` if messages are not stored.
  let messages: (any MessageStore)?
  /// `nil` if there are no bans.
  let moderation: (any ModerationStore)?
  /// `nil` if rooms of every size are served directly.
  let deliveries: Deliveries?
  let rules: ChatRules
  let gateway: GatewayFactory
  let concurrency: Int
  let presenceLimit: Int
  let metrics: Metrics?
  let ids = MessageIDs()
  /// The rows of clients that sent a message a moment ago, by connection id.
  let senders = RecentValues<Connection>()
  let now: @Sendable () -> Date

  /// Creates the services.
  ///
  /// - Parameters:
  ///   - messages: the kept messages; `nil` to keep none.
  ///   - moderation: the bans; `nil` for none.
  ///   - deliveries: the delivery to large rooms; `nil` to serve rooms of every size directly.
  ///   - rules: who may connect, and how much a person may do.
  ///   - concurrency: the number of posts in flight.
  ///   - presenceLimit: the largest number of people in a room whose joins and leaves are announced.
  ///   - metrics: receives the results of each message's broadcast; `nil` to write none.
  ///   - now: the clock.
  public init(
    connections: any ConnectionStore, messages: (any MessageStore)? = nil,
    moderation: (any ModerationStore)? = nil, deliveries: Deliveries? = nil, rules: ChatRules = ChatRules(),
    concurrency: Int = Broadcast.defaultConcurrency, presenceLimit: Int = ChatConfiguration.defaultPresenceLimit,
    metrics: Metrics? = nil, now: @escaping @Sendable () -> Date = { Date() }, gateway: @escaping GatewayFactory
  ) {
    self.connections = connections
    self.messages = messages
    self.moderation = moderation
    self.deliveries = deliveries
    self.rules = rules
    self.gateway = gateway
    self.concurrency = concurrency
    self.presenceLimit = presenceLimit
    self.metrics = metrics
    self.now = now
  }
}
