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
  let gateway: GatewayFactory
  let concurrency: Int
  let presenceLimit: Int
  let metrics: Metrics?
  let ids = MessageIDs()
  let now: @Sendable () -> Date

  /// Creates the services.
  ///
  /// - Parameters:
  ///   - messages: the kept messages; `nil` to keep none.
  ///   - concurrency: the number of posts in flight.
  ///   - presenceLimit: the largest number of people in a room whose joins and leaves are announced.
  ///   - metrics: receives the results of each message's broadcast; `nil` to write none.
  ///   - now: the clock.
  public init(
    connections: any ConnectionStore, messages: (any MessageStore)? = nil,
    concurrency: Int = Broadcast.defaultConcurrency, presenceLimit: Int = ChatConfiguration.defaultPresenceLimit,
    metrics: Metrics? = nil, now: @escaping @Sendable () -> Date = { Date() }, gateway: @escaping GatewayFactory
  ) {
    self.connections = connections
    self.messages = messages
    self.gateway = gateway
    self.concurrency = concurrency
    self.presenceLimit = presenceLimit
    self.metrics = metrics
    self.now = now
  }
}
