import AWS
import EventLoop
import HTTP
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Sends one message to every connection in a room.
///
/// The next page of rows is read while the current one is posted, so memory does not grow with the number of
/// connections. The row of a closed connection is deleted; all other connections receive the message.
///
/// API Gateway also returns 410 between the write of a row in `$connect` and the end of the handshake; deleting the row
/// would then cut off a live connection. Rows less than 5 seconds old therefore get a second post about one second later,
/// and so do posts without a response.
///
/// A connection that answers 429 does not delay other connections; see `BroadcastQueue`.
public struct Broadcast: Sendable {
  /// The default number of posts in flight. Measured with `scripts/bench broadcast`: at 20 ms a post, half this number
  /// doubles the time; at 0 ms a post, twice this number takes a quarter more CPU, and more memory.
  public static let defaultConcurrency = 64
  /// The maximum number of posts in flight; further posts would wait for a connection.
  public static let maximumConcurrency = CurlTransport.maximumConnections
  /// Rows younger than this may belong to a connection whose handshake is not complete, in seconds.
  static let handshakeGrace: TimeInterval = 5

  let store: any ConnectionStore
  let gateway: any ConnectionGateway
  let concurrency: Int
  let isPruning: Bool

  /// Creates a broadcast.
  ///
  /// - Parameters:
  ///   - store: the table of connections.
  ///   - gateway: posts to a connection.
  ///   - concurrency: the number of posts in flight, from 1 to `maximumConcurrency`.
  ///   - isPruning: whether the rows of closed connections are deleted.
  public init(
    store: any ConnectionStore, gateway: any ConnectionGateway, concurrency: Int = defaultConcurrency,
    isPruning: Bool = true
  ) {
    self.store = store
    self.gateway = gateway
    self.concurrency = min(max(1, concurrency), Self.maximumConcurrency)
    self.isPruning = isPruning
  }

  /// Sends a message to a room and reports the results. Ends by `Deadline.current`; posts still in flight are cancelled
  /// then.
  ///
  /// - Parameters:
  ///   - message: at most `ManagementAPI.maximumMessageBytes` bytes.
  ///   - room: the room.
  ///   - sender: a connection that receives the message even if the room does not show it yet, and only once.
  public func send(
    _ message: [UInt8], room: String = Connection.defaultRoom, sender: Connection? = nil
  ) async -> BroadcastReport {
    await send(message, room: room, sender: sender, firstPages: [])
  }

  /// Sends a message to a room whose first pages were already read; otherwise as `send(_:room:sender:)`.
  ///
  /// - Parameters:
  ///   - message: at most `ManagementAPI.maximumMessageBytes` bytes.
  ///   - room: the room.
  ///   - sender: a connection that receives the message even if the room does not show it yet, and only once.
  ///   - firstPages: the first pages of the room in order; the rest is read from `next` of the last one.
  public func send(
    _ message: [UInt8], room: String, sender: Connection?, firstPages: [ConnectionPage]
  ) async -> BroadcastReport {
    await send(message, first: sender, BroadcastPages(read: firstPages, without: sender)) { [store] in
      try await store.page(room: room, after: $0)
    }
  }

  /// Sends a message to the given connections and reports the results. Ends by `Deadline.current`.
  ///
  /// - Parameters:
  ///   - message: at most `ManagementAPI.maximumMessageBytes` bytes.
  ///   - connections: the connections.
  public func send(_ message: [UInt8], to connections: [Connection]) async -> BroadcastReport {
    await send(message, first: nil, BroadcastPages()) { _ in ConnectionPage(connections, next: nil) }
  }

  private func send(
    _ message: [UInt8], first: Connection?, _ position: BroadcastPages, pages: @escaping BroadcastRun.Pages
  ) async -> BroadcastReport {
    let now = ContinuousClock.now
    let deadline = now + Deadline.remaining(atMost: .seconds(3600))
    let queue = BroadcastQueue(deadline: deadline, now: now, date: Date(), first: first, pages: position)
    return await BroadcastRun(self, message: message, pages: pages, queue: queue).sendToAll(until: deadline)
  }
}

extension Broadcast {
  /// Sends a message to a range of a large room at a limited rate, and reports the results. Ends by `Deadline.current`.
  ///
  /// - Parameters:
  ///   - message: at most `ManagementAPI.maximumMessageBytes` bytes.
  ///   - room: the room.
  ///   - range: the part of the room.
  ///   - connectionID: the connection after which to start, as `BroadcastProgress.servedThrough` of an earlier call that
  ///     did not complete the range; `nil` to start with the first.
  ///   - rate: the most posts a second, above 0.
  ///   - checkpoint: called about each second with the progress; returns the new rate. Not called at the end: the report
  ///     has the final progress.
  public func send(
    _ message: [UInt8], room: String, range: RoomRange, after connectionID: String?, rate: Double,
    checkpoint: @escaping @Sendable (BroadcastProgress) async -> Double
  ) async -> BroadcastReport {
    let now = ContinuousClock.now
    let deadline = now + Deadline.remaining(atMost: .seconds(3600))
    let queue = BroadcastQueue(
      deadline: deadline, now: now, date: Date(), pages: BroadcastPages(after: connectionID), rate: rate)
    let pages: BroadcastRun.Pages = { [store] in try await store.page(room: room, range: range, after: $0) }
    return await BroadcastRun(self, message: message, pages: pages, queue: queue, checkpoint: checkpoint)
      .sendToAll(until: deadline)
  }
}
