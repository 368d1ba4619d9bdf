import AWS
import EventLoop

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// One broadcast under way: what is still to be read and posted, what is on the wire, what came of the rest.
///
/// All that takes time is a task of one group, and all that happens is an event out of it, so this state is changed in
/// one place and needs no lock.
struct BroadcastRun {
  typealias Group = TaskGroup<Event>

  /// Something that a task of the group has brought about.
  enum Event: Sendable {
    case page(Result<ConnectionPage, any Error>, after: String?)
    case delivered(Delivery)
    case pauseOver
    case deadline
  }

  /// How far the table is read.
  private enum Reading {
    case from(String?)
    case underWay
    case fetched(ConnectionPage)
    case ended
  }

  /// A row this young may be that of a connection whose handshake is not over yet.
  static let youth: TimeInterval = 5
  /// How long the last connection to be kept aside has to wait for its second chance.
  private static let pause = Duration.seconds(1)
  /// Bounds the memory for second chances. Where there are more, their rows stay for the next message to find.
  private static let maximumKeptAside = 1000

  private let message: [UInt8]
  private let store: any ConnectionStore
  private let gateway: any ConnectionGateway
  private let concurrency: Int

  private var reading = Reading.from(nil)
  private var waiting: ArraySlice<Connection> = []
  private var inFlight = 0
  private var keptAside: [(connection: Connection, failure: any Error)] = []
  private var isSecondRound = false
  private var isPausing = false
  private var isOver = false
  private(set) var report = BroadcastReport()

  init(message: [UInt8], store: any ConnectionStore, gateway: any ConnectionGateway, concurrency: Int) {
    self.message = message
    self.store = store
    self.gateway = gateway
    self.concurrency = concurrency
  }

  /// Posts to all there are, until all is done or the deadline has come.
  mutating func sendToAll(in group: inout Group) async {
    group.addTask {
      try? await EventLoop.sleep(for: Deadline.remaining(atMost: .seconds(3600)))
      return .deadline
    }
    while !isOver {
      startWhatCan(in: &group)
      guard inFlight > 0 || isPausing || isReading, let event = await group.next() else { break }
      take(event)
      // Posts whose own time was that deadline may end before its event comes, and no others may start in their place.
      isOver = isOver || Deadline.remaining(atMost: .seconds(1)) == .zero
    }
    group.cancelAll()
    for await event in group { take(event) }
    countWhatIsLeft()
  }

  // MARK: - What is started

  private mutating func startWhatCan(in group: inout Group) {
    repeat { readOn(in: &group) } while inFlight < concurrency && postNext(in: &group)
    if waiting.isEmpty, inFlight == 0, !isReading, !isPausing, !isSecondRound, !keptAside.isEmpty {
      isPausing = true
      // Never so long that no time is left for the second chance itself.
      let pause = min(Self.pause, Deadline.remaining(atMost: Self.pause * 2) / 2)
      group.addTask {
        try? await EventLoop.sleep(for: pause)
        return .pauseOver
      }
    }
  }

  /// Moves on to the page that was fetched, and has the one after it fetched meanwhile.
  private mutating func readOn(in group: inout Group) {
    if waiting.isEmpty, case .fetched(let page) = reading {
      waiting = page.connections[...]
      reading = page.next.map { .from($0) } ?? .ended
    }
    if case .from(let start) = reading {
      reading = .underWay
      group.addTask { [store] in
        do { return .page(.success(try await store.page(after: start)), after: start) } catch {
          return .page(.failure(error), after: start)
        }
      }
    }
  }

  private var isReading: Bool { if case .ended = reading { false } else { true } }

  /// - Returns: whether there was one.
  private mutating func postNext(in group: inout Group) -> Bool {
    guard let connection = waiting.popFirst() else { return false }
    guard !connection.isExpired(at: Date()) else {
      report.expired += 1
      return true
    }
    inFlight += 1
    let delivery = Delivery.Attempt(message: message, connection: connection, isLast: isSecondRound)
    group.addTask { [store, gateway] in .delivered(await delivery.run(store, gateway)) }
    return true
  }

  // MARK: - What has happened

  private mutating func take(_ event: Event) {
    switch event {
    case .page(.success(let page), let start):
      if page.next != nil, page.next == start {
        // A table that gives the same page for ever would have everyone served again and again.
        reading = .ended
        waiting = waiting + page.connections
        report.readError = RepeatedPage()
      } else {
        reading = .fetched(page)
      }
    case .page(.failure(let error), _):
      report.readError = isOver ? DeadlineExceeded() : error
      reading = .ended
    case .delivered(let delivery):
      inFlight -= 1
      take(delivery)
    case .pauseOver:
      guard isPausing else { return }
      isPausing = false
      isSecondRound = true
      waiting = keptAside.map(\.connection)[...]
      keptAside = []
    case .deadline:
      isOver = true
    }
  }

  private mutating func take(_ delivery: Delivery) {
    switch delivery {
    case .reached: report.reached += 1
    case .gone(let pruneError):
      report.gone += 1
      if let pruneError { report.pruneFailed(pruneError) }
    case .secondChance(let connection, let failure):
      if keptAside.count < Self.maximumKeptAside {
        keptAside.append((connection, failure))
      } else {
        report.failed(failure)
      }
    case .failed(let error): report.failed(error)
    case .cutOff: report.failed(DeadlineExceeded())
    }
  }

  /// Once the deadline has come: rows that were not tried, second chances that nobody got, pages that were not read.
  private mutating func countWhatIsLeft() {
    if case .fetched(let page) = reading {
      waiting = waiting + page.connections
      if page.next != nil { report.readError = report.readError ?? DeadlineExceeded() }
    } else if isReading {
      report.readError = report.readError ?? DeadlineExceeded()
    }
    let now = Date()
    for connection in waiting {
      if connection.isExpired(at: now) { report.expired += 1 } else { report.notTried += 1 }
    }
    for (_, failure) in keptAside { report.failed(failure) }
  }
}

/// The deadline came before the work was done.
struct DeadlineExceeded: Error, CustomStringConvertible {
  let description = "the deadline came first"
}

/// The table gave the key that it was asked from as the key to go on with.
struct RepeatedPage: Error, CustomStringConvertible {
  let description = "the table's pages do not come to an end"
}
