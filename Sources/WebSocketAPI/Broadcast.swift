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
  ///   - firstPages: the first pages of the room in order, if they were already read; the rest is read from `next` of the
  ///     last one.
  public func send(
    _ message: [UInt8], room: String = Connection.defaultRoom, sender: Connection? = nil,
    firstPages: [ConnectionPage] = []
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

/// The tasks of one broadcast; they share its queue.
private final class BroadcastRun: Sendable {
  /// Reads the page that starts after a connection id.
  typealias Pages = @Sendable (_ connectionID: String?) async throws -> ConnectionPage
  /// Receives the progress and returns the new rate.
  typealias Checkpoint = @Sendable (BroadcastProgress) async -> Double

  /// The time from one checkpoint to the next.
  private static let checkpointInterval = Duration.seconds(1)

  /// The result of a child task.
  private enum Event: Sendable {
    case page(Result<ConnectionPage, any Error>)
    /// The queue had no post for a worker.
    case workerEnded
    case timer
    /// The result is `nil` if the broadcast ended before the checkpoint.
    case checkpoint(rate: Double?)
    case lastStart
    case deadline
  }

  private let broadcast: Broadcast
  private let message: [UInt8]
  private let pages: Pages
  private let queue: Mutex<BroadcastQueue>
  private let checkpoint: Checkpoint?

  init(
    _ broadcast: Broadcast, message: [UInt8], pages: @escaping Pages, queue: BroadcastQueue,
    checkpoint: Checkpoint? = nil
  ) {
    self.broadcast = broadcast
    self.message = message
    self.pages = pages
    self.queue = Mutex(queue)
    self.checkpoint = checkpoint
  }

  func sendToAll(until deadline: ContinuousClock.Instant) async -> BroadcastReport {
    await withTaskGroup { group in
      var workers = 0
      var timer: ContinuousClock.Instant?
      group.addTask {
        try? await EventLoop.sleep(for: ContinuousClock.now.duration(to: deadline))
        return Event.deadline
      }
      if checkpoint != nil {
        let lastStart = queue.withLock { $0.lastStart }
        group.addTask {
          try? await EventLoop.sleep(for: ContinuousClock.now.duration(to: lastStart))
          return .lastStart
        }
        addCheckpoint(to: &group, at: .now + Self.checkpointInterval)
      }
      while true {
        fetchPage(in: &group)
        let plan = queue.withLock { $0.plan(now: .now) }
        if plan.isDone { break }
        for _ in 0..<min(broadcast.concurrency - workers, plan.posts) {
          workers += 1
          group.addTask { await self.work() }
        }
        if let wake = plan.wake, timer.map({ wake < $0 }) ?? true {
          timer = wake
          group.addTask {
            try? await EventLoop.sleep(for: ContinuousClock.now.duration(to: wake))
            return .timer
          }
        }
        guard let event = await group.next() else { break }
        switch event {
        case .page(let page): queue.withLock { $0.record(page, now: .now) }
        case .workerEnded: workers -= 1
        case .timer: timer = nil
        case .checkpoint(let rate):
          if let rate { queue.withLock { $0.setRate(rate, now: .now) } }
          addCheckpoint(to: &group, at: .now + Self.checkpointInterval)
        case .lastStart: break
        case .deadline: queue.withLock { $0.stop() }
        }
      }
      group.cancelAll()
      for await event in group {
        if case .page(let page) = event { queue.withLock { $0.record(page, now: .now) } }
      }
    }
    return queue.withLock { $0.finish(now: .now) }
  }

  private func addCheckpoint(to group: inout TaskGroup<Event>, at time: ContinuousClock.Instant) {
    guard let checkpoint else { return }
    group.addTask {
      do { try await EventLoop.sleep(for: ContinuousClock.now.duration(to: time)) } catch {
        return .checkpoint(rate: nil)
      }
      return .checkpoint(rate: await checkpoint(self.queue.withLock { $0.progress }))
    }
  }

  private func fetchPage(in group: inout TaskGroup<Event>) {
    guard let key = queue.withLock({ $0.nextPage(now: .now) }) else { return }
    group.addTask { [pages] in
      do { return .page(.success(try await pages(key.connectionID))) } catch {
        return .page(.failure(error))
      }
    }
  }

  /// Posts to one connection after another. A task per connection would take 5 % more CPU.
  private func work() async -> Event {
    var post = Task.isCancelled ? nil : queue.withLock { $0.next(now: .now) }
    while let current = post {
      let outcome = await outcome(of: current)
      let isCancelled = Task.isCancelled
      post = queue.withLock { queue in
        let now = ContinuousClock.now
        queue.record(outcome, of: current, now: now)
        return isCancelled ? nil : queue.next(now: now)
      }
    }
    return .workerEnded
  }

  private func outcome(of post: BroadcastQueue.Post) async -> BroadcastQueue.Outcome {
    // Timers have a resolution of a millisecond.
    let wait = post.isPaced ? ContinuousClock.now.duration(to: post.start) : .zero
    if wait > .milliseconds(1) {
      do { try await EventLoop.sleep(for: wait) } catch { return .notTried }
    }
    let connection = post.connection
    do {
      try await broadcast.gateway.post(message, to: connection.connectionID)
      return .reached
    } catch let error as ConnectionGone {
      if !post.isSecondChance, connection.isYounger(than: Broadcast.handshakeGrace, at: Date()) {
        return .unsettled(error)
      }
      guard broadcast.isPruning else { return .gone(.success(nil)) }
      // A row that cannot be deleted costs the next broadcast one post and is not a failure of this broadcast.
      do {
        return .gone(.success(try await broadcast.store.removeIfUnchanged(connection)))
      } catch {
        return .gone(.failure(error))
      }
    } catch is CancellationError {
      return .cutOff
    } catch let error as AWSError where error.isThrottling {
      return .throttled(error)
    } catch let error as AWSError where error.isTransient {
      return .unsettled(error)
    } catch {
      return .failed(error)
    }
  }
}
