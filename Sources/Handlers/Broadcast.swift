import AWS
import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Sends one message to every connection in the table.
///
/// Rows are read page by page, the next page while this one's posts are under way, so memory does not grow with the
/// number of connections. A connection that is gone loses its row and keeps nobody else from getting the message.
///
/// One that API Gateway calls gone may also be about to open: between the `$connect` function's write of its row and
/// the end of the handshake a post is answered 410 as well. Were its row deleted then, a live connection would never
/// get any message. So a connection whose row is only seconds old is tried once more, about a second later and after
/// all others, and only then loses its row. One that was throttled to the last gets the same second chance.
public struct Broadcast: Sendable {
  /// How many posts are under way at once unless told otherwise. By `scripts/bench broadcast`: where a post takes 20 ms,
  /// half as many take twice as long; where it takes none, twice as many take a quarter more CPU, and memory grows.
  public static let defaultConcurrency = 64
  /// The most posts that may be under way at once: further ones would wait for a connection.
  public static let maximumConcurrency = CurlTransport.maximumConnections

  private let store: any ConnectionStore
  private let gateway: any ConnectionGateway
  private let concurrency: Int

  /// Makes a broadcast.
  ///
  /// - Parameter concurrency: how many posts are under way at once, from 1 to `maximumConcurrency`.
  public init(store: any ConnectionStore, gateway: any ConnectionGateway, concurrency: Int = defaultConcurrency) {
    self.store = store
    self.gateway = gateway
    self.concurrency = min(max(1, concurrency), Self.maximumConcurrency)
  }

  /// The concurrency that `BROADCAST_CONCURRENCY` asks for.
  ///
  /// - Throws: `ConfigurationError` when it is not a whole number from 1 to `maximumConcurrency`.
  public static func concurrency(environment: [String: String]) throws(ConfigurationError) -> Int {
    guard let text = environment["BROADCAST_CONCURRENCY"], !text.isEmpty else { return defaultConcurrency }
    guard let value = Int(text), (1...maximumConcurrency).contains(value) else {
      throw ConfigurationError(
        "BROADCAST_CONCURRENCY is \(text.debugDescription): a whole number from 1 to \(maximumConcurrency) is needed.")
    }
    return value
  }

  /// Sends a message and tells what came of it. It ends by `deadline`, with posts that are still under way cancelled.
  public func send(_ message: [UInt8], until deadline: Date) async -> BroadcastReport {
    await Deadline.$current.withValue(deadline) {
      await BroadcastRun(message: message, store: store, gateway: gateway, concurrency: concurrency).sendToAll()
    }
  }
}
