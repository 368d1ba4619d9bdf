import AWS
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Sends one message to every connection in the table.
///
/// Rows are read page by page, the next page while this one's posts are under way, so memory does not grow with the
/// number of connections. A connection that is gone loses its row and keeps nobody else from getting the message.
public struct Broadcast: Sendable {
  /// How many posts are under way at once unless told otherwise.
  public static let defaultConcurrency = 32

  private let store: any ConnectionStore
  private let gateway: any ConnectionGateway
  private let concurrency: Int

  /// Makes a broadcast.
  public init(store: any ConnectionStore, gateway: any ConnectionGateway, concurrency: Int = defaultConcurrency) {
    self.store = store
    self.gateway = gateway
    self.concurrency = max(1, concurrency)
  }

  /// Sends a message and tells what came of it. It ends by `deadline`, with posts that are still under way cancelled.
  public func send(_ message: [UInt8], until deadline: Date) async -> BroadcastReport {
    await Deadline.$current.withValue(deadline) {
      await withTaskGroup(of: Event.self) { group in
        var run = Run(concurrency: concurrency)
        group.addTask {
          try? await Task.sleep(for: .seconds(max(0, deadline.timeIntervalSinceNow)))
          return .deadline
        }
        await run.postAll(message, store, gateway, in: &group)
        group.cancelAll()
        return run.report
      }
    }
  }

  fileprivate enum Event: Sendable {
    case delivered(Delivery)
    case deadline
  }

  fileprivate enum Delivery: Sendable {
    case reached, gone, cancelled
    case failed(any Error)
  }
}

/// The state of one broadcast under way.
private struct Run {
  let concurrency: Int
  var report = BroadcastReport()
  private var inFlight = 0
  private var isOver = false

  init(concurrency: Int) { self.concurrency = concurrency }

  mutating func postAll(
    _ message: [UInt8], _ store: any ConnectionStore, _ gateway: any ConnectionGateway,
    in group: inout TaskGroup<Broadcast.Event>
  ) async {
    do {
      var page = try await store.page(after: nil)
      while true {
        let token = page.next
        async let nextPage = token == nil ? nil : store.page(after: token)
        for connection in page.connections where !connection.isExpired(at: Date()) {
          while inFlight >= concurrency, !isOver { await receive(from: &group) }
          guard !isOver else {
            report.notTried += 1
            continue
          }
          inFlight += 1
          group.addTask { .delivered(await deliver(message, to: connection, store, gateway)) }
        }
        guard let following = try await nextPage else { break }
        guard !isOver else {
          report.readError = CancellationError()
          break
        }
        page = following
      }
    } catch {
      report.readError = error
    }
    while inFlight > 0 { await receive(from: &group) }
  }

  private mutating func receive(from group: inout TaskGroup<Broadcast.Event>) async {
    switch await group.next() {
    case .delivered(let delivery):
      inFlight -= 1
      switch delivery {
      case .reached: report.reached += 1
      case .gone: report.gone += 1
      case .cancelled: report.notTried += 1
      case .failed(let error):
        report.failed += 1
        if report.firstFailure == nil { report.firstFailure = error }
      }
    case .deadline:
      isOver = true
      group.cancelAll()
    case nil:
      inFlight = 0
    }
  }
}

private func deliver(
  _ message: [UInt8], to connection: Connection, _ store: any ConnectionStore, _ gateway: any ConnectionGateway
) async -> Broadcast.Delivery {
  do {
    try await gateway.post(message, to: connection.connectionID)
    return .reached
  } catch is ConnectionGone {
    // A row that stays costs the next message one post; it must not cost this one its success.
    try? await store.removeIfUnchanged(connection)
    return .gone
  } catch is CancellationError {
    return .cancelled
  } catch {
    return .failed(error)
  }
}
