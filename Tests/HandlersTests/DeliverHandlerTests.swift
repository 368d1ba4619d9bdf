import EventLoop
import Foundation
import Log
import Synchronization
import Testing
import WebSocketAPITestSupport

@testable import Handlers
@testable import WebSocketAPI

/// `deliver`: one worker, and the rounds that it starts and ends.
@Suite(.timeLimit(.minutes(10)))
struct DeliverHandlerTests {
  private let store = MemoryDeliveries()
  private let rows = MemoryStore(count: 2500, pageSize: 100)
  private let events = InvokedEvents()
  private let gateway = MemoryGateway()
  private let log = LogLines()
  private let round = MessageID.first(at: Int(Date().timeIntervalSince1970 * 1000))
  private let everyone = RoomRange.all

  private func chat(metrics: Metrics? = nil) -> Chat {
    let gateway = gateway
    return Chat(connections: rows, metrics: metrics) { _ in gateway }
  }

  private var deliveries: Deliveries {
    Deliveries(store: store, postsPerSecond: 1_000_000, invoke: events.invoke)
  }

  @discardableResult
  private func handle(_ event: DeliverEvent, metrics: Metrics? = nil) async throws -> String {
    let handler = DeliverHandler(chat(metrics: metrics), deliveries, gateway, logger: log.logger())
    return String(decoding: try await handler.handle(event.json), as: UTF8.self)
  }

  /// Handles an event with a given result of its range.
  private func handle(
    _ event: DeliverEvent, within time: Duration = .seconds(3600), serve: @escaping DeliverHandler.Serve
  ) async throws {
    let backend = Backend(chat: chat(), gateway: gateway, logger: log.logger())
    let handler = DeliverHandler(backend, deliveries, serve: serve)
    _ = try await Deadline.within(time) { try await handler.handle(event.json) }
  }

  private func enqueue(_ number: Int, _ kind: WaitingMessage.Kind = .message) async throws {
    try await store.enqueue(
      WaitingMessage(id: .first(at: number), kind: kind, frame: Array(#"{"n":\#(number)}"#.utf8)), room: "lobby")
  }

  /// A round of one range that has started.
  private func begin(ranges: Int = 1, until: Int = 3_600_000) async throws -> [DeliverEvent] {
    let round = DeliveryRound(id: round, frame: Array("{}".utf8), messages: [], rangeCount: ranges)
    try await store.add(round)
    store.state.withLock {
      $0.leases["lobby"] = Delivery(
        room: "lobby", round: round.id, ranges: Set(round.ranges.map(\.lowerText)),
        until: Int(Date().timeIntervalSince1970 * 1000) + until)
    }
    return round.ranges.map { DeliverEvent(room: "lobby", work: .range(round.id, $0)) }
  }

  @Test("A start gathers what waits, empties the queue, and invokes a worker for each range")
  func start() async throws {
    try await enqueue(2)
    try await enqueue(1)
    #expect(try await handle(DeliverEvent(room: "lobby", work: .start)) == "{}")
    let state = store.state.withLock { $0 }
    let round = try #require(state.rounds.values.first)
    #expect(String(decoding: round.frame, as: UTF8.self) == #"{"type":"messages","messages":[{"n":1},{"n":2}]}"#)
    #expect(state.queues["lobby"]?.isEmpty == true)
    let lease = try #require(state.leases["lobby"])
    #expect(lease.round == round.id && lease.startBy == nil && !lease.isFull)
    // The estimate of the room from a page of 100 rows is not exact.
    #expect(lease.ranges == Set(round.ranges.map(\.lowerText)))
    #expect(
      events.all.sorted()
        == round.ranges.map {
          String(decoding: DeliverEvent(room: "lobby", work: .range(round.id, $0)).json, as: UTF8.self)
        }.sorted())
    // Another start finds the delivery active.
    try await enqueue(3)
    try await handle(DeliverEvent(room: "lobby", work: .start))
    #expect(events.all.count == round.rangeCount)
  }

  @Test("A start without waiting messages does nothing")
  func nothingWaits() async throws {
    #expect(try await handle(DeliverEvent(room: "lobby", work: .start)) == "{}")
    #expect(events.all.isEmpty)
    #expect(store.state.withLock { $0.leases.isEmpty && $0.rounds.isEmpty })
  }

  @Test("A start that another invocation left unfinished is completed with its own frame")
  func completes() async throws {
    _ = try await begin(ranges: 2)
    store.state.withLock { $0.leases["lobby"]?.startBy = 1 }
    try await handle(DeliverEvent(room: "lobby", work: .start))
    #expect(events.all.count == 2)
    #expect(events.all.allSatisfy { $0.contains(round.text) })
    #expect(store.state.withLock { $0.leases["lobby"]?.startBy } == nil)
  }

  @Test("The workers of a round reach everyone once, and the last one ends the delivery")
  func wholeRoom() async throws {
    let work = try await begin(ranges: 3)
    for (index, event) in work.enumerated() {
      #expect(store.state.withLock { $0.leases["lobby"]?.ranges.count } == 3 - index)
      #expect(try await handle(event).hasSuffix(#""isDone":true}"#))
    }
    #expect(gateway.delivered.count == 2500 && gateway.delivered.values.allSatisfy { $0 == 1 })
    store.state.withLock { state in
      #expect(state.leases.isEmpty && state.rounds.isEmpty && state.checkpoints.isEmpty)
    }
    // A repetition of an event of an ended round does nothing.
    #expect(try await handle(work[0]) == "{}")
    #expect(gateway.attempts.values.allSatisfy { $0 == 1 })
  }

  @Test("The last worker of a round starts the next one with the messages that wait")
  func nextRound() async throws {
    let work = try await begin()
    try await enqueue(1, .alone)
    try await enqueue(2, .alone)
    try await enqueue(3, .alone)
    try await handle(work[0])
    let state = store.state.withLock { $0 }
    let lease = try #require(state.leases["lobby"])
    #expect(lease.round != round)
    // After this frame, two others wait.
    #expect(lease.isFull)
    #expect(state.rounds.keys.map { $0 } == [lease.round])
    #expect(state.rounds[lease.round]?.frame == Array(#"{"n":1}"#.utf8))
    #expect(state.queues["lobby"]?.count == 2)
    #expect(!events.all.isEmpty && events.all.allSatisfy { $0.contains(lease.round.text) })
  }

  @Test("A worker continues at its checkpoint, and its counts add up")
  func continues() async throws {
    let work = try await begin(ranges: 2)
    let range = rows.connectionIDs.filter { RoomKey.of($0) < "8000" }.sorted { RoomKey.of($0) < RoomKey.of($1) }
    try await store.save(
      RangeCheckpoint(after: range[999], reached: 990, gone: 10), range: "0000", of: round)
    let reached = range.count - 10
    #expect(try await handle(work[0]) == #"{"reached":\#(reached),"gone":10,"slow":0,"failed":0,"isDone":true}"#)
    #expect(Set(gateway.delivered.keys) == Set(range[1000...]))
  }

  @Test("A worker whose range is done posts nothing, and ends the round that its first run did not")
  func done() async throws {
    let work = try await begin()
    try await store.save(RangeCheckpoint(isDone: true), range: "0000", of: round)
    try await handle(work[0])
    #expect(gateway.attempts.isEmpty)
    #expect(store.state.withLock { $0.leases.isEmpty && $0.rounds.isEmpty })
  }

  @Test("A message that comes at any step of the end of a delivery is taken", arguments: 0..<16)
  func comesAtTheEnd(number: Int) async throws {
    let work = try await begin()
    try await store.save(RangeCheckpoint(isDone: true), range: "0000", of: round)
    let steps = StepCounter()
    let (chat, gateway) = (chat(), gateway)
    let sender = Deliveries(store: store, invoke: events.invoke)
    sender.largeRooms.set((), for: "lobby", now: .max / 2)
    let message = WaitingMessage(id: .first(at: 1), kind: .message, frame: Array("{}".utf8))
    let ending = MortalDeliveries(store: store) { [log] in
      guard steps.next() == number else { return }
      let sending = Chat(connections: chat.connections, deliveries: sender) { _ in gateway }
      let delivery = RoomDelivery(Backend(chat: sending, gateway: gateway, logger: log.logger()))
      _ = try await delivery.send(message, room: "lobby", sender: nil)
    }
    let handler = DeliverHandler(
      chat, Deliveries(store: ending, invoke: events.invoke), gateway, logger: log.logger())
    _ = try await handler.handle(work[0].json)
    #expect(steps.next() >= 16)
    // By workers of the next round, or by a start that the message's sender asked for.
    #expect(!events.all.isEmpty)
    _ = try await self.handle(DeliverEvent(room: "lobby", work: .start))
    #expect(store.state.withLock { $0.queues["lobby"]?.isEmpty } == true)
    #expect(store.state.withLock { $0.rounds.values.contains { $0.messages == [message.id] } })
  }

  @Test("A worker out of time stores its checkpoint, and hands the rest to a new invocation of the same event")
  func outOfTime() async throws {
    let work = try await begin()
    try await handle(work[0], within: .seconds(1)) { _, _, _, _, _, _ in
      #expect(Deadline.remaining(atMost: .seconds(10)) <= .milliseconds(800))
      // A broadcast starts no post shortly before its deadline, and so ends before it.
      var report = BroadcastReport()
      report.reached = 7
      report.notTried = 5
      report.servedThrough = "x"
      return report
    }
    // The next invocation serves the rest: this is no failure.
    #expect(!log.all.contains { $0.contains("did not reach every open connection") })
    #expect(events.all == [String(decoding: work[0].json, as: UTF8.self)])
    #expect(
      store.state.withLock { $0.checkpoints[round]?["0000"] } == RangeCheckpoint(after: "x", isDone: false, reached: 7))
    #expect(store.state.withLock { $0.leases["lobby"]?.ranges } == ["0000"])
  }

  @Test("A worker that served no page in its time, and one that ended before, fail: the event is repeated")
  func fails() async throws {
    let work = try await begin()
    await #expect(throws: DeliveryFailure.self) {
      try await handle(work[0], within: .seconds(1)) { _, _, _, _, _, _ in BroadcastReport() }
    }
    let error = await #expect(throws: DeliveryFailure.self) {
      try await handle(work[0]) { _, _, _, _, _, _ in
        var report = BroadcastReport()
        report.notTried = 5
        report.servedThrough = "x"
        report.readError = Refused()
        return report
      }
    }
    #expect(log.all.contains { $0.contains("did not reach every open connection") })
    #expect(log.all.contains { $0.contains("could not be read to its end") })
    #expect(error?.description.contains("Refused") == true)
    #expect(store.state.withLock { $0.checkpoints[round]?["0000"]?.after } == "x")
    #expect(events.all.isEmpty)
  }

  @Test("The time for posts leaves 3 s, or a fifth of a short time")
  func workTime() {
    #expect(DeliverHandler.workTime(of: .seconds(900)) == .seconds(897))
    #expect(DeliverHandler.workTime(of: .seconds(10)) == .seconds(8))
    #expect(DeliverHandler.workTime(of: .zero) == .zero)
  }

  @Test("Each checkpoint is stored, renews the lease, and shares the pace with other deliveries")
  func checkpoints() async throws {
    let work = try await begin(ranges: 4)
    store.state.withLock { $0.leases["lobby"]?.until = 5 }
    try await handle(work[1]) { [store, round] _, room, range, after, rate, checkpoint in
      #expect(room == "lobby" && range.lowerText == "4000" && after == nil && rate == 250_000)
      let now = Int(Date().timeIntervalSince1970 * 1000)
      store.state.withLock { state in
        // The start of the work has renewed it.
        #expect((state.leases["lobby"]?.until ?? 0) > now + 10_000)
        state.leases["lobby"]?.until = 5
        state.leases["lobby"]?.ranges.remove("0000")
        state.leases["x"] = Delivery(room: "x", round: .first(at: 1), ranges: ["0000"], until: now + 60_000)
      }
      var report = BroadcastReport()
      report.reached = 3
      #expect(await checkpoint(BroadcastProgress(servedThrough: "p", report: report)) == 1_000_000 / 2 / 3)
      store.state.withLock { state in
        #expect((state.leases["lobby"]?.until ?? 0) > now + 10_000)
        #expect(state.checkpoints[round]?["4000"] == RangeCheckpoint(after: "p", reached: 3))
        state.error = Refused()
      }
      // The rate stays where the table cannot be read; the log has it.
      #expect(await checkpoint(BroadcastProgress(servedThrough: "q", report: report)) == 1_000_000 / 2 / 3)
      store.state.withLock { $0.error = nil }
      report.isComplete = true
      return report
    }
    #expect(log.all.count { $0.contains("could not be stored") } == 1)
    #expect(store.state.withLock { $0.leases["lobby"]?.ranges } == ["8000", "c000"])
  }

  @Test("A worker notices that too many messages wait")
  func noticesFull() async throws {
    let work = try await begin()
    try await enqueue(1, .alone)
    try await handle(work[0]) { [store] _, _, _, _, _, checkpoint in
      let progress = BroadcastProgress(servedThrough: nil, report: BroadcastReport())
      _ = await checkpoint(progress)
      #expect(store.state.withLock { $0.leases["lobby"]?.isFull } == false)
      try? await store.enqueue(
        WaitingMessage(id: .first(at: 2), kind: .alone, frame: Array("{}".utf8)), room: "lobby")
      _ = await checkpoint(progress)
      #expect(store.state.withLock { $0.leases["lobby"]?.isFull } == true)
      var report = BroadcastReport()
      report.isComplete = true
      return report
    }
  }

  @Test("A worker whose room has the lease of a later round serves its range, and leaves the lease alone")
  func overtaken() async throws {
    let work = try await begin()
    let later = Delivery(
      room: "lobby", round: .first(at: 1), ranges: ["0000"], until: Int(Date().timeIntervalSince1970 * 1000) + 60_000)
    store.state.withLock { $0.leases["lobby"] = later }
    try await handle(work[0])
    #expect(gateway.delivered.count == 2500)
    #expect(store.state.withLock { $0.leases["lobby"] } == later)
  }

  @Test("The metrics of a round have the room's size as a dimension")
  func metrics() async throws {
    let work = try await begin()
    try await handle(work[0], metrics: Metrics(namespace: "Chat", functionName: "deliver"))
    #expect(
      log.all.contains { $0.contains(#""Reached":2500"#) && $0.contains(#""Slow":0"#) && $0.contains(#""Gone":0"#) })
    #expect(
      log.all.contains {
        $0.contains(#""RoomSize":"1001-10000""#) && $0.contains(#"["FunctionName","RoomSize"]"#)
          && $0.contains(#""DeliveryTime""#) && $0.contains(#""Rounds":1"#)
      })
  }

  @Test("In a room of one range the leave of people who are gone is announced")
  func leaves() async throws {
    let room = TestRoom(deliveries: deliveries) { id, _ in if id == "b=" { throw ConnectionGone() } }
    try await room.join("a=")
    let gone = Connection(
      connectionID: "b=", timestamp: nil, expiresAt: nil, userID: "u", name: "Bob", enteredAt: 1)
    try await room.store.add(gone)
    room.clear()
    let work = try await begin()
    _ = try await DeliverHandler(room.chat, deliveries, room.gateway, logger: log.logger()).handle(work[0].json)
    #expect(try room.frames("a=").compactMap(\.event) == ["leave"])
  }
}

/// Counts the steps of an invocation.
private final class StepCounter: Sendable {
  private let count = Mutex(0)

  /// The number of earlier calls.
  func next() -> Int {
    count.withLock { count in
      count += 1
      return count - 1
    }
  }
}
