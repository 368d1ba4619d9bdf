import AWS
import EventLoop
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// One broadcast under way: the tasks that read, post and watch the time. What they have to do, and what came of it, is
/// in the `BroadcastState` that they share.
final class BroadcastRun: Sendable {
  /// Something that a task of the group has brought about.
  private enum Event: Sendable {
    case page(Result<ConnectionPage, any Error>, after: String?)
    /// There was nobody left to post to, for the moment.
    case courierBack
    case pauseOver
    case deadline
  }

  /// How long the last connection to be kept aside has to wait for its second chance.
  private static let pause = Duration.seconds(1)

  private let message: [UInt8]
  private let store: any ConnectionStore
  private let gateway: any ConnectionGateway
  private let concurrency: Int
  private let state = Mutex(BroadcastState())

  init(message: [UInt8], store: any ConnectionStore, gateway: any ConnectionGateway, concurrency: Int) {
    self.message = message
    self.store = store
    self.gateway = gateway
    self.concurrency = concurrency
  }

  /// Posts to all there are, until all is done or the deadline has come.
  func sendToAll() async -> BroadcastReport {
    await withTaskGroup { group in
      var couriers = 0
      group.addTask {
        try? await EventLoop.sleep(for: Deadline.remaining(atMost: .seconds(3600)))
        return Event.deadline
      }
      while !state.withLock({ $0.isOver }) {
        readOn(in: &group)
        for _ in 0..<min(concurrency - couriers, state.withLock { $0.waiting.count }) {
          couriers += 1
          group.addTask { await self.deliver() }
        }
        if couriers == 0 { pauseBeforeSecondRound(in: &group) }
        guard couriers > 0 || state.withLock({ $0.isReading || $0.isPausing }), let event = await group.next() else {
          break
        }
        if case .courierBack = event { couriers -= 1 }
        take(event)
      }
      group.cancelAll()
      for await event in group { take(event) }
    }
    return state.withLock { $0.finish() }
  }

  /// Moves on to the page that was fetched, and has the one after it fetched meanwhile.
  private func readOn(in group: inout TaskGroup<Event>) {
    guard case .from(let start) = state.withLock({ $0.turnPage() }) else { return }
    group.addTask { [store] in
      do { return .page(.success(try await store.page(after: start)), after: start) } catch {
        return .page(.failure(error), after: start)
      }
    }
  }

  /// Posts to one connection after the other. A task for each would take a twentieth more CPU.
  private func deliver() async -> Event {
    while !Task.isCancelled, let (connection, isLast) = state.withLock({ $0.next() }) {
      let attempt = Delivery.Attempt(message: message, connection: connection, isLast: isLast)
      let delivery = await attempt.run(store, gateway)
      state.withLock { $0.take(delivery) }
    }
    return .courierBack
  }

  private func pauseBeforeSecondRound(in group: inout TaskGroup<Event>) {
    guard state.withLock({ $0.beginPause() }) else { return }
    // Never so long that no time is left for the second chance itself.
    let pause = min(Self.pause, Deadline.remaining(atMost: Self.pause * 2) / 2)
    group.addTask {
      try? await EventLoop.sleep(for: pause)
      return .pauseOver
    }
  }

  private func take(_ event: Event) {
    state.withLock { state in
      switch event {
      case .page(let result, let start): state.take(result, after: start)
      case .courierBack: break
      case .pauseOver: state.beginSecondRound()
      case .deadline: state.isOver = true
      }
    }
  }
}
