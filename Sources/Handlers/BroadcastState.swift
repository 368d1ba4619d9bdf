import AWS

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What a broadcast has still to do, and what came of the rest. Nothing here takes time.
struct BroadcastState {
  /// How far the table is read.
  enum Reading {
    case from(String?)
    case underWay
    case fetched(ConnectionPage)
    case ended
  }

  /// A row this young may be that of a connection whose handshake is not over yet.
  static let youth: TimeInterval = 5
  /// Bounds the memory for second chances. Where there are more, their rows stay for the next message to find.
  private static let maximumKeptAside = 1000

  private var reading = Reading.from(nil)
  private(set) var waiting: ArraySlice<Connection> = []
  private var keptAside: [(connection: Connection, failure: any Error)] = []
  private var isSecondRound = false
  private(set) var isPausing = false
  /// Whether no further post may begin.
  var isOver = false
  private var report = BroadcastReport()

  // MARK: - Reading

  var isReading: Bool { if case .ended = reading { false } else { true } }

  /// Moves on to the page that was fetched, once nobody of the one before is waiting any more.
  ///
  /// - Returns: `.from` where a page is to be fetched now.
  mutating func turnPage() -> Reading {
    if waiting.isEmpty, case .fetched(let page) = reading {
      waiting = page.connections[...]
      reading = page.next.map { .from($0) } ?? .ended
    }
    if case .from = reading { return exchange(&reading, with: .underWay) }
    return reading
  }

  mutating func take(_ result: Result<ConnectionPage, any Error>, after start: String?) {
    switch result {
    case .success(let page) where page.next != nil && page.next == start:
      // A table that gives the same page for ever would have everyone served again and again.
      reading = .ended
      waiting += page.connections
      report.readError = RepeatedPage()
    case .success(let page):
      reading = .fetched(page)
    case .failure(let error):
      report.readError = isOver ? DeadlineExceeded() : error
      reading = .ended
    }
  }

  // MARK: - Posting

  /// Takes the next connection to post to, and tells whether it gets no further chance.
  ///
  /// - Returns: `nil` where nobody is waiting, or the time is over.
  mutating func next() -> (connection: Connection, isLast: Bool)? {
    // Posts whose own time was the deadline may end before its event comes, and no others may start in their place.
    isOver = isOver || Deadline.remaining(atMost: .seconds(1)) == .zero
    guard !isOver else { return nil }
    let now = Date()
    while let connection = waiting.popFirst() {
      guard connection.isExpired(at: now) else { return (connection, isSecondRound) }
      report.expired += 1
    }
    return nil
  }

  mutating func take(_ delivery: Delivery) {
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

  // MARK: - The second round

  /// Whether all have been posted to, and some are to wait for their second chance now.
  mutating func beginPause() -> Bool {
    guard waiting.isEmpty, !isReading, !isPausing, !isSecondRound, !keptAside.isEmpty else { return false }
    isPausing = true
    return true
  }

  mutating func beginSecondRound() {
    guard isPausing else { return }
    isPausing = false
    isSecondRound = true
    waiting = keptAside.map(\.connection)[...]
    keptAside = []
  }

  // MARK: - The end

  /// Counts what is left once the deadline has come: rows that were not tried, second chances that nobody got, pages that
  /// were not read.
  mutating func finish() -> BroadcastReport {
    if case .fetched(let page) = reading {
      waiting += page.connections
      if page.next != nil { report.readError = report.readError ?? DeadlineExceeded() }
    } else if isReading {
      report.readError = report.readError ?? DeadlineExceeded()
    }
    let now = Date()
    for connection in waiting {
      if connection.isExpired(at: now) { report.expired += 1 } else { report.notTried += 1 }
    }
    for (_, failure) in keptAside { report.failed(failure) }
    return report
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
