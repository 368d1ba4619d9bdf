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

  private let store: any ConnectionStore
  private let gateway: any ConnectionGateway
  private let concurrency: Int
  private let isPruning: Bool

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
    await send(message, first: sender) { [store] in try await store.page(room: room, after: $0) }
  }

  /// Sends a message to the given connections and reports the results. Ends by `Deadline.current`.
  public func send(_ message: [UInt8], to connections: [Connection]) async -> BroadcastReport {
    await send(message, first: nil) { _ in ConnectionPage(connections, next: nil) }
  }

  private func send(_ message: [UInt8], first: Connection?, pages: @escaping Pages) async -> BroadcastReport {
    let now = ContinuousClock.now
    let deadline = now + Deadline.remaining(atMost: .seconds(3600))
    let queue = BroadcastQueue(deadline: deadline, now: now, date: Date(), first: first)
    return await Run(broadcast: self, message: message, pages: pages, queue: queue).sendToAll(until: deadline)
  }

  /// Reads the page that starts after a connection id.
  private typealias Pages = @Sendable (_ connectionID: String?) async throws -> ConnectionPage

  // MARK: - Workers

  /// The tasks of one broadcast; they share its queue.
  private final class Run: Sendable {
    /// The result of a child task.
    private enum Event: Sendable {
      case page(Result<ConnectionPage, any Error>)
      /// The queue had no post for a worker.
      case workerEnded
      case timer
      case deadline
    }

    private let broadcast: Broadcast
    private let message: [UInt8]
    private let pages: Pages
    private let queue: Mutex<BroadcastQueue>

    init(broadcast: Broadcast, message: [UInt8], pages: @escaping Pages, queue: BroadcastQueue) {
      self.broadcast = broadcast
      self.message = message
      self.pages = pages
      self.queue = Mutex(queue)
    }

    func sendToAll(until deadline: ContinuousClock.Instant) async -> BroadcastReport {
      await withTaskGroup { group in
        var workers = 0
        var timer: ContinuousClock.Instant?
        group.addTask {
          try? await EventLoop.sleep(for: ContinuousClock.now.duration(to: deadline))
          return Event.deadline
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
}
