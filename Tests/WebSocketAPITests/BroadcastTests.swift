import EventLoop
import Foundation
import HTTP
import Synchronization
import Testing
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// The broadcast, with a table and connections in memory. Decisions about time are tested in BroadcastQueueTests.
@Suite(.timeLimit(.minutes(10)))
struct BroadcastTests {
  private let message = Array(#"{"message":"hi"}"#.utf8)

  private func send(
    _ store: MemoryStore, _ gateway: MemoryGateway, concurrency: Int = 32, within seconds: TimeInterval = 3600
  ) async -> BroadcastReport {
    await Deadline.within(.seconds(seconds)) {
      await Broadcast(store: store, gateway: gateway, concurrency: concurrency).send(message)
    }
  }

  @Test("Posts once to every connection on every page", arguments: [0, 1, 99, 100, 101, 5000])
  func postsOncePerConnection(count: Int) async {
    let store = MemoryStore(count: count)
    let gateway = MemoryGateway()
    let report = await send(store, gateway)
    #expect(report.reached == count)
    #expect(report.isSuccess)
    #expect(gateway.delivered == Dictionary(uniqueKeysWithValues: store.connectionIDs.map { ($0, 1) }))
    #expect(gateway.state.withLock { $0.messages } == (count == 0 ? [] : [message]))
  }

  @Test("Continues after an empty page")
  func continuesAfterEmptyPage() async {
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

  @Test("A repeated page key ends the reading, and no connection is posted to twice")
  func rejectsRepeatedKey() async {
    let store = PagedStore { ConnectionPage($0 == nil ? [.old("a")] : [], next: "a") }
    let gateway = MemoryGateway()
    // The deadline ends a broadcast that reads the page again and again. Beside the simulations, which occupy all threads, a
    // correct one has taken 40 s.
    let report = await Deadline.within(.seconds(400)) {
      await Broadcast(store: store, gateway: gateway).send(message)
    }
    #expect(report.readError is RepeatedPageKey)
    #expect(!report.isSuccess)
    #expect(gateway.delivered == ["a": 1])
  }

  @Test("The number of posts in flight reaches the concurrency and does not exceed it", arguments: [1, 7, 64])
  func boundsPostsInFlight(concurrency: Int) async {
    let started = Mutex(0)
    let gateway = MemoryGateway { _, _ in
      started.withLock { $0 += 1 }
      // The first posts wait for one another.
      while started.withLock({ $0 < concurrency }) { try await Task.sleep(for: .milliseconds(1)) }
    }
    let report = await send(MemoryStore(count: 500, pageSize: 500), gateway, concurrency: concurrency)
    #expect(report.reached == 500)
    #expect(gateway.state.withLock { $0.mostInFlight } == concurrency)
  }

  @Test("Reads one page ahead of the posts")
  func readsOnePageAhead() async throws {
    let store = MemoryStore(count: 1000, pageSize: 100)
    let gateway = MemoryGateway { _, _ in try await Task.sleep(for: .seconds(3600)) }
    let broadcast = Task { await send(store, gateway, concurrency: 4) }
    while store.pagesRead < 2 || gateway.state.withLock({ $0.inFlight < 4 }) {
      try await Task.sleep(for: .milliseconds(5))
    }
    broadcast.cancel()
    _ = await broadcast.value
    #expect(store.pagesRead == 2)
  }

  @Test("Expired rows are neither posted to nor deleted")
  func skipsExpiredRows() async {
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

  // MARK: - Closed connections

  @Test("The row of a closed connection is deleted, and all other connections receive the message")
  func prunesGoneConnections() async {
    let store = MemoryStore(count: 200)
    let gateway = MemoryGateway { id, _ in if id.hasSuffix("7") { throw ConnectionGone() } }
    let report = await send(store, gateway)
    #expect((report.reached, report.gone) == (180, 20))
    #expect(report.isSuccess)
    #expect(store.connectionIDs.count == 180)
    #expect(store.connectionIDs.allSatisfy { !$0.hasSuffix("7") })
    #expect(gateway.attempts.values.allSatisfy { $0 == 1 })
  }

  @Test("A row that was rewritten after it was read is not deleted")
  func keepsRewrittenRow() async {
    let store = MemoryStore([.old("c")])
    let gateway = MemoryGateway { id, _ in
      try await store.add(Connection(connectionID: id, openedAt: Date()))
      throw ConnectionGone()
    }
    _ = await send(store, gateway)
    #expect(store.connectionIDs == ["c"])
  }

  @Test("A connection that completes its handshake after the first post gets a second post and keeps its row")
  func retriesOpeningConnection() async {
    let store = MemoryStore([.new("new"), .old("old")])
    let gateway = MemoryGateway { id, attempt in if id == "new", attempt == 1 { throw ConnectionGone() } }
    let start = ContinuousClock.now
    let report = await send(store, gateway)
    #expect(gateway.delivered == ["new": 1, "old": 1])
    #expect((report.reached, report.gone) == (2, 0))
    #expect(store.connectionIDs.count == 2)
    #expect(start.duration(to: .now) >= .milliseconds(900))
  }

  @Test("A new row is deleted if the second post is answered 410 too")
  func prunesNewRowAfterSecondPost() async {
    let store = MemoryStore([.new("new")])
    let gateway = MemoryGateway { _, _ in throw ConnectionGone() }
    let report = await send(store, gateway)
    #expect((report.reached, report.gone) == (0, 1))
    #expect(report.isSuccess)
    #expect(gateway.attempts == ["new": 2])
    #expect(store.connectionIDs.isEmpty)
  }

  @Test(
    "A row with an unreadable timestamp is treated as old",
    arguments: [nil, "", "yesterday", "9999", "2026-99-99T00:00:00.000Z"] as [String?])
  func unreadableTimestamp(timestamp: String?) async {
    let store = MemoryStore([Connection(connectionID: "c", timestamp: timestamp, expiresAt: nil)])
    let gateway = MemoryGateway { _, _ in throw ConnectionGone() }
    let report = await send(store, gateway)
    #expect(report.gone == 1)
    #expect(gateway.attempts == ["c": 1])
    #expect(store.connectionIDs.isEmpty)
  }

  @Test("At most 1,000 connections get a second post; the rest is reported and keeps its rows")
  func boundsSecondPosts() async {
    let store = MemoryStore((0..<1200).map { .new("c\($0)") })
    let gateway = MemoryGateway { _, _ in throw ConnectionGone() }
    let report = await send(store, gateway)
    #expect((report.gone, report.failed) == (1000, 200))
    #expect(report.failures == ["GoneException": 200])
    #expect(store.connectionIDs.count == 200)
  }

  @Test("A row that cannot be deleted is counted and is not a failure")
  func countsFailedPrunes() async {
    let store = MemoryStore(count: 3)
    store.state.withLock { $0.removeError = Refused() }
    let report = await send(store, MemoryGateway { _, _ in throw ConnectionGone() })
    #expect(report.isSuccess)
    #expect((report.gone, report.pruneFailures) == (3, 3))
    #expect(report.firstPruneFailure is Refused)
  }

  // MARK: - Failures

  @Test("A permanent error is counted by its code, keeps the row and does not affect other connections")
  func countsFailuresByCode() async {
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

  @Test("A slow client gets up to three later posts, counts as slow and is not a failure")
  func countsSlowClients() async {
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

  @Test("A post without a response is retried once, then counted as NoResponse")
  func retriesUnansweredPost() async throws {
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

  @Test("At most 16 error codes are counted separately")
  func boundsErrorCodes() async {
    let gateway = MemoryGateway { id, _ in throw AWSError.response(403, "Code\(id)") }
    let report = await send(MemoryStore(count: 1000), gateway)
    #expect(report.failures.count == BroadcastReport.maximumCodes + 1)
    #expect(report.failed == 1000)
    #expect(report.failures["Other"] == 1000 - BroadcastReport.maximumCodes)
  }

  @Test("If a page cannot be read, the connections on earlier pages receive the message")
  func postsPagesBeforeReadError() async {
    let store = MemoryStore(count: 1000, pageSize: 100)
    store.state.withLock { $0.pageFailures = [4: Refused()] }
    let gateway = MemoryGateway()
    let report = await send(store, gateway)
    #expect(report.readError is Refused)
    #expect(!report.isSuccess)
    #expect(gateway.delivered.count == 300)
  }

  // MARK: - The deadline

  @Test("The deadline ends posts in flight")
  func deadlineEndsPosts() async {
    let gateway = MemoryGateway { _, _ in try await Task.sleep(for: .seconds(3600)) }
    let report = await send(MemoryStore(count: 300, pageSize: 100), gateway, concurrency: 10, within: 0.3)
    #expect(report.reached == 0)
    #expect(report.failed == gateway.attempts.count)
    #expect(report.readError is DeadlineExceeded)
    #expect(gateway.state.withLock { $0.inFlight } == 0)
  }

  @Test("The deadline ends the reading of a page")
  func deadlineEndsReading() async {
    let store = MemoryStore(count: 300, pageSize: 100)
    store.state.withLock { $0.pageTime = .seconds(3600) }
    let report = await send(store, MemoryGateway(), within: 0.3)
    #expect(report.readError is DeadlineExceeded)
  }

  @Test("Cancellation ends the posts in flight, and no further post starts", arguments: [10, 1000])
  func cancellation(count: Int) async throws {
    let gateway = MemoryGateway { _, _ in try await Task.sleep(for: .seconds(3600)) }
    let broadcast = Task { await send(MemoryStore(count: count), gateway, concurrency: 20) }
    let expected = min(count, 20)
    while gateway.state.withLock({ $0.inFlight }) < expected { try await Task.sleep(for: .milliseconds(5)) }
    broadcast.cancel()
    let report = await broadcast.value
    #expect(report.failed == expected)
    #expect(gateway.attempts.count == expected)
  }

  // MARK: - Log

  @Test("A thousand failures are one log line with the counts by code")
  func logsFailuresOnce() async throws {
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

  @Test("Rows that could not be deleted are one log line, and a success is none")
  func logsFailedPrunesOnce() async {
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

/// A table whose pages are a function of the previous page's key.
private struct PagedStore: ConnectionStore {
  let page: @Sendable (_ connectionID: String?) -> ConnectionPage

  func add(_ connection: Connection) async throws {}
  func connection(_ connectionID: String) async throws -> Connection? { nil }
  func admit(_ connectionID: String, _ limit: MessageLimit, now: Int) async throws -> Admission { .unknown }
  func enter(_ connection: Connection, createsMissing isNew: Bool) async throws -> Connection? { connection }
  func remove(connectionID: String) async throws -> Connection? { nil }
  func removeIfUnchanged(_ connection: Connection) async throws -> Connection? { nil }
  func page(room: String, range: RoomRange, after connectionID: String?) async throws -> ConnectionPage {
    page(connectionID)
  }
  func people(room: String, after connectionID: String?) async throws -> ConnectionPage { page(connectionID) }
  func connections(ofUser userID: String) async throws -> [Connection] { [] }
  func entered(room: String) async throws -> RoomSample { RoomSample([]) }
}
