import EventLoop
import Foundation
import HTTP
import Testing
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// The broadcast, with a table and sockets in memory.
@Suite(.timeLimit(.minutes(1)))
struct BroadcastTests {
  private let message = Array(#"{"message":"hi"}"#.utf8)

  private func send(
    _ store: MemoryStore, _ gateway: MemoryGateway, concurrency: Int = 32, within seconds: TimeInterval = 20
  ) async -> BroadcastReport {
    await Deadline.within(.seconds(seconds)) {
      await Broadcast(store: store, gateway: gateway, concurrency: concurrency).send(message)
    }
  }

  @Test("Reaches everyone on every page exactly once", arguments: [0, 1, 99, 100, 101, 5000])
  func everyone(count: Int) async {
    let store = MemoryStore(count: count)
    let gateway = MemoryGateway()
    let report = await send(store, gateway)
    #expect(report.reached == count)
    #expect(report.isSuccess)
    #expect(gateway.delivered == Dictionary(uniqueKeysWithValues: store.connectionIDs.map { ($0, 1) }))
    #expect(gateway.state.withLock { $0.messages } == (count == 0 ? [] : [message]))
  }

  @Test("Goes on after a page without rows")
  func emptyPage() async {
    let store = PagedStore { connectionID in
      switch connectionID {
      case nil: ConnectionPage([], next: "a")
      case "a": ConnectionPage([], next: "b")
      case "b": ConnectionPage([.old("c")], next: "c")
      default: ConnectionPage([], next: nil)
      }
    }
    let gateway = MemoryGateway()
    let report = await Broadcast(store: store, gateway: gateway).send(message)
    #expect(report.isSuccess)
    #expect(gateway.delivered == ["c": 1])
  }

  @Test("A table that gives the same page for ever ends the reading, and nobody is served twice")
  func repeatedPage() async {
    let store = PagedStore { ConnectionPage($0 == nil ? [.old("a")] : [], next: "a") }
    let gateway = MemoryGateway()
    let report = await Broadcast(store: store, gateway: gateway).send(message)
    #expect(report.readError is RepeatedPageKey)
    #expect(!report.isSuccess)
    #expect(gateway.delivered == ["a": 1])
  }

  @Test("Has as many posts under way as it may, and no more", arguments: [1, 7, 64])
  func bounded(concurrency: Int) async {
    let gateway = MemoryGateway { _, _ in try await Task.sleep(for: .milliseconds(2)) }
    let report = await send(MemoryStore(count: 500, pageSize: 50), gateway, concurrency: concurrency)
    #expect(report.reached == 500)
    #expect(gateway.state.withLock { $0.mostInFlight } == concurrency)
  }

  @Test("Reads the next page while this one is posted, and no further ahead")
  func prefetch() async throws {
    let store = MemoryStore(count: 1000, pageSize: 100)
    let gateway = MemoryGateway { _, _ in try await Task.sleep(for: .seconds(60)) }
    let broadcast = Task { await send(store, gateway, concurrency: 4, within: 0.5) }
    try await Task.sleep(for: .milliseconds(200))
    // The first page is under way, the second is there; the third has to wait.
    #expect(store.pagesRead == 2)
    _ = await broadcast.value
  }

  @Test("Skips rows past their time and leaves them to the table's TTL")
  func expired() async {
    let past = Int(Date().timeIntervalSince1970) - 1
    let store = MemoryStore([
      .old("live"), Connection(connectionID: "expired", timestamp: nil, expiresAt: past),
      Connection(connectionID: "without", timestamp: nil, expiresAt: nil),
    ])
    let gateway = MemoryGateway()
    let report = await send(store, gateway)
    #expect(gateway.delivered == ["live": 1, "without": 1])
    #expect((report.reached, report.expired) == (2, 1))
    #expect(report.isSuccess)
    #expect(store.connectionIDs.count == 3)
  }

  // MARK: - Gone

  @Test("Prunes a connection that is gone, and everyone else gets the message")
  func gone() async {
    let store = MemoryStore(count: 200)
    let gateway = MemoryGateway { id, _ in if id.hasSuffix("7") { throw ConnectionGone() } }
    let report = await send(store, gateway)
    #expect((report.reached, report.gone) == (180, 20))
    #expect(report.isSuccess)
    #expect(store.connectionIDs.count == 180)
    #expect(store.connectionIDs.allSatisfy { !$0.hasSuffix("7") })
    #expect(gateway.attempts.values.allSatisfy { $0 == 1 })
  }

  @Test("A row that was written anew meanwhile is not pruned")
  func writtenAnew() async {
    let store = MemoryStore([.old("c")])
    let gateway = MemoryGateway { id, _ in
      try await store.add(Connection(connectionID: id, openedAt: Date()))
      throw ConnectionGone()
    }
    _ = await send(store, gateway)
    #expect(store.connectionIDs == ["c"])
  }

  @Test("A connection whose handshake is not over yet gets the message a little later and keeps its row")
  func handshake() async {
    let store = MemoryStore([Connection(connectionID: "new", openedAt: Date()), .old("old")])
    let gateway = MemoryGateway { id, attempt in if id == "new", attempt == 1 { throw ConnectionGone() } }
    let start = ContinuousClock.now
    let report = await send(store, gateway)
    #expect(gateway.delivered == ["new": 1, "old": 1])
    #expect((report.reached, report.gone) == (2, 0))
    #expect(store.connectionIDs.count == 2)
    #expect((.milliseconds(900) ... .seconds(3)).contains(start.duration(to: .now)))
  }

  @Test("One that is still gone on the second try loses its row, though it is young")
  func youngAndGone() async {
    let store = MemoryStore([Connection(connectionID: "new", openedAt: Date())])
    let gateway = MemoryGateway { _, _ in throw ConnectionGone() }
    let report = await send(store, gateway)
    #expect((report.reached, report.gone) == (0, 1))
    #expect(report.isSuccess)
    #expect(gateway.attempts == ["new": 2])
    #expect(store.connectionIDs.isEmpty)
  }

  @Test(
    "A row whose time cannot be read counts as old",
    arguments: [nil, "", "yesterday", "9999", "2026-99-99T00:00:00.000Z"] as [String?])
  func unreadableTimestamp(timestamp: String?) async {
    let store = MemoryStore([Connection(connectionID: "c", timestamp: timestamp, expiresAt: nil)])
    let gateway = MemoryGateway { _, _ in throw ConnectionGone() }
    let report = await send(store, gateway)
    #expect(report.gone == 1)
    #expect(gateway.attempts == ["c": 1])
    #expect(store.connectionIDs.isEmpty)
  }

  @Test("The second chance comes within the deadline, however near that is")
  func secondChanceNearDeadline() async {
    let store = MemoryStore([Connection(connectionID: "new", openedAt: Date())])
    let gateway = MemoryGateway { _, attempt in if attempt == 1 { throw ConnectionGone() } }
    let report = await send(store, gateway, within: 0.6)
    #expect(report.reached == 1)
  }

  @Test("Second chances are bounded: what goes beyond is reported and keeps its row")
  func boundedSecondChances() async {
    let now = Date()
    let store = MemoryStore((0..<1200).map { Connection(connectionID: "c\($0)", openedAt: now) })
    let gateway = MemoryGateway { _, _ in throw ConnectionGone() }
    let report = await send(store, gateway)
    #expect((report.gone, report.failed) == (1000, 200))
    #expect(report.failures == ["GoneException": 200])
    #expect(store.connectionIDs.count == 200)
  }

  @Test("A failed prune costs nobody the message and is counted")
  func failedPrune() async {
    let store = MemoryStore(count: 3)
    store.state.withLock { $0.removeError = Refused() }
    let report = await send(store, MemoryGateway { _, _ in throw ConnectionGone() })
    #expect(report.isSuccess)
    #expect((report.gone, report.pruneFailures) == (3, 3))
    #expect(report.firstPruneFailure is Refused)
  }

  // MARK: - Failures

  @Test("What fails for good is counted by its code, is not gone, and keeps nobody else from the message")
  func failures() async {
    let store = MemoryStore(count: 100)
    let gateway = MemoryGateway { id, _ in
      if id.hasSuffix("1") { throw AWSError.response(403, "ForbiddenException") }
      if id.hasSuffix("2") { throw Refused() }
    }
    let report = await send(store, gateway)
    #expect((report.reached, report.failed) == (80, 20))
    #expect(report.failures == ["ForbiddenException": 10, "Refused": 10])
    #expect(!report.isSuccess)
    #expect(store.connectionIDs.count == 100)
    #expect(gateway.attempts.values.allSatisfy { $0 == 1 })
  }

  @Test("A slow client is posted to in three later rounds, counts as slow and fails nothing")
  func slow() async {
    let gateway = MemoryGateway { id, attempt in
      if id == "c0" || (id == "c1" && attempt == 1) { throw AWSError.response(429, "LimitExceededException") }
    }
    let lines = LogLines()
    let report = await send(MemoryStore(count: 10), gateway)
    #expect((report.reached, report.slow, report.failed) == (9, 1, 0))
    #expect(report.isSuccess)
    #expect(gateway.attempts["c1"] == 2)
    #expect((2...4).contains(gateway.attempts["c0"] ?? 0))
    report.log(to: lines.logger())
    #expect(lines.all.count == 1)
    #expect(lines.all.first?.contains("INFO") == true)
    #expect(lines.all.first?.contains("slow=1") == true)
    #expect(report.metrics(time: .zero).contains(.init("Slow", .count, 1)))
    #expect(report.metrics(time: .zero).contains(.init("Failed", .count, 0)))
  }

  @Test("A post without a response gets a second chance and fails by its code then")
  func unanswered() async throws {
    let request = HTTPRequest(method: .post, url: try #require(URL(string: "https://a.example/")))
    let gateway = MemoryGateway { id, attempt in
      if id == "c0" || (id == "c1" && attempt == 1) {
        throw AWSError(service: "", operation: "", transport: HTTPError(.timedOut, request, detail: ""))
      }
    }
    let report = await send(MemoryStore(count: 10), gateway)
    #expect((report.reached, report.failures) == (9, ["NoResponse": 1]))
    #expect(gateway.attempts["c0"] == 2)
  }

  @Test("Error codes that never repeat do not fill the report")
  func manyCodes() async {
    let gateway = MemoryGateway { id, _ in throw AWSError.response(403, "Code\(id)") }
    let report = await send(MemoryStore(count: 1000), gateway)
    #expect(report.failures.count == BroadcastReport.maximumCodes + 1)
    #expect(report.failed == 1000)
    #expect(report.failures["Other"] == 1000 - BroadcastReport.maximumCodes)
  }

  @Test("When a page cannot be read, those on the pages before it still get the message")
  func failedPage() async {
    let store = MemoryStore(count: 1000, pageSize: 100)
    store.state.withLock { $0.pageFailures = [4: Refused()] }
    let gateway = MemoryGateway()
    let report = await send(store, gateway)
    #expect(report.readError is Refused)
    #expect(!report.isSuccess)
    #expect(gateway.delivered.count == 300)
  }

  // MARK: - The deadline

  @Test("Stops at the deadline and says exactly who was reached, cut off and not tried")
  func deadline() async {
    let store = MemoryStore(count: 300, pageSize: 100)
    let gateway = MemoryGateway { id, _ in if id != "c0" { try await Task.sleep(for: .seconds(60)) } }
    let start = ContinuousClock.now
    let report = await send(store, gateway, concurrency: 10, within: 0.3)
    #expect(start.duration(to: .now) < .seconds(2))
    #expect((report.reached, report.failed) == (1, 10))
    #expect(report.failures == ["DeadlineExceeded": 10])
    // Two pages were read.
    #expect(report.notTried == 189)
    #expect(report.readError is DeadlineExceeded)
    #expect(!report.isSuccess)
  }

  @Test("A page that does not come by the deadline does not hold it up")
  func slowPage() async {
    let store = MemoryStore(count: 300, pageSize: 100)
    store.state.withLock { $0.pageTime = .seconds(60) }
    let start = ContinuousClock.now
    let report = await send(store, MemoryGateway(), within: 0.3)
    #expect(start.duration(to: .now) < .seconds(2))
    #expect(report.readError is DeadlineExceeded)
  }

  @Test("The end of the task ends the broadcast, and nobody else is tried", arguments: [10, 1000])
  func cancellation(count: Int) async throws {
    let gateway = MemoryGateway { _, _ in try await Task.sleep(for: .seconds(60)) }
    let broadcast = Task { await send(MemoryStore(count: count), gateway, concurrency: 20) }
    let underWay = min(count, 20)
    while gateway.state.withLock({ $0.inFlight }) < underWay { try await Task.sleep(for: .milliseconds(5)) }
    broadcast.cancel()
    let report = await broadcast.value
    #expect(report.failed == underWay)
    #expect(gateway.attempts.count == underWay)
  }

  // MARK: - Configuration and log

  @Test("A thousand failures are one line, with the counts by code")
  func log() async throws {
    let gateway = MemoryGateway { id, _ in
      throw AWSError.response(403, id.hasSuffix("0") ? "ForbiddenException" : "InvalidSignatureException")
    }
    let lines = LogLines()
    await send(MemoryStore(count: 1000), gateway).log(to: lines.logger())
    #expect(lines.all.count == 1)
    let line = try #require(lines.all.first)
    #expect(line.contains("ERROR"))
    #expect(line.contains("failures=ForbiddenException: 100, InvalidSignatureException: 900"))
    #expect(line.contains("failed=1000"))
    #expect(line.contains("PostToConnection"))
  }

  @Test("Rows that could not be deleted are one line, and a whole success is none")
  func logOfPrunes() async {
    let store = MemoryStore(count: 10)
    let lines = LogLines()
    await send(store, MemoryGateway()).log(to: lines.logger())
    #expect(lines.all.isEmpty)
    store.state.withLock { $0.removeError = Refused() }
    await send(store, MemoryGateway { _, _ in throw ConnectionGone() }).log(to: lines.logger())
    #expect(lines.all.count == 1)
    #expect(lines.all.first?.contains("pruneFailures=10") == true)
    #expect(lines.all.first?.contains("WARN") == true)
  }
}

/// A table whose pages are a function of the key before them.
private struct PagedStore: ConnectionStore {
  let page: @Sendable (_ connectionID: String?) -> ConnectionPage

  func add(_ connection: Connection) async throws {}
  func remove(connectionID: String) async throws {}
  func removeIfUnchanged(_ connection: Connection) async throws {}
  func page(after connectionID: String?) async throws -> ConnectionPage { page(connectionID) }
}
