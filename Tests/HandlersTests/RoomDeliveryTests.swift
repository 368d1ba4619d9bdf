import EventLoop
import Foundation
import Synchronization
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// Messages to small and large rooms, by `send`, without an action, and by `publish`.
@Suite(.timeLimit(.minutes(10)))
struct RoomDeliveryTests {
  private let store = MemoryDeliveries()
  private let events = InvokedEvents()
  private let room: TestRoom

  init() {
    room = TestRoom(deliveries: Deliveries(store: store, directLimit: 3, invoke: events.invoke))
  }

  private var invoked: [String] { events.all }

  private func fill(_ count: Int) async throws {
    for number in 0..<count { try await room.store.add(.old("c\(number)=")) }
  }

  private func queue() -> [WaitingMessage] {
    store.state.withLock { ($0.queues["lobby"] ?? [:]).values.sorted { $0.id < $1.id } }
  }

  @Test("A room of up to the limit is served directly: its rows are read once, before the first post")
  func small() async throws {
    let deliveries = Deliveries(store: store, directLimit: 100) { _ in Issue.record("invoked") }
    let room = TestRoom(deliveries: deliveries)
    for number in 0..<100 { try await room.store.add(.old("c\(number)=")) }
    #expect(try await room.send(#"{"action":"send","message":1}"#, from: "c0=").statusCode == 200)
    #expect(room.store.pagesRead == 1)
    #expect(room.gateway.delivered.count == 100 && room.gateway.delivered.values.allSatisfy { $0 == 1 })
    #expect(store.state.withLock { $0.queues.isEmpty })
  }

  /// `TestRoom`'s table has pages of 100 rows, so a room of 101 has a second page.
  @Test("A message to a larger room waits in its queue, and starts a delivery; its sender has it at once")
  func large() async throws {
    try await fill(101)
    #expect(try await room.send(#"{"action":"send","message":"m"}"#, from: "c0=").statusCode == 200)
    #expect(invoked == [#"{"room":"lobby"}"#])
    #expect(room.gateway.delivered == ["c0=": 1])
    let message = try #require(queue().first)
    #expect(message.kind == .message)
    #expect(room.texts("c0=") == [String(decoding: message.frame, as: UTF8.self)])
    #expect(room.messages.state.withLock { $0.kept["lobby"]?.keys.map { $0 } } == [message.id])
    // The room is known to be large now.
    let pages = room.store.pagesRead
    #expect(pages == 1)
    try await room.send(#"{"action":"send","message":"n"}"#, from: "c0=")
    #expect(room.store.pagesRead == pages)
    #expect(queue().count == 2)
  }

  @Test("A message without an action goes into the queue byte for byte, and to its sender with the others")
  func seed() async throws {
    try await fill(101)
    #expect(try await room.send(#"{"a" : 1}"#, from: "c0=") == WebSocketResponse(200, "Message sent."))
    #expect(queue().map(\.kind) == [.alone])
    #expect(queue().first?.frame == Array(#"{"a" : 1}"#.utf8))
    #expect(room.gateway.attempts.isEmpty)
  }

  @Test("publish hands over as well")
  func publish() async throws {
    try await fill(101)
    let handler = PublishHandler(room.chat, room.gateway, logger: room.log.logger())
    let result = String(
      decoding: try await handler.handle(Array(#"{"room":"lobby","message":1}"#.utf8)), as: UTF8.self)
    #expect(result.hasSuffix(#""reached":0,"gone":0,"slow":0,"failed":0,"handedOver":true}"#))
    #expect(queue().count == 1)
    #expect(invoked.count == 1)
  }

  @Test("A moderator's deletion is handed over as well, and goes out alone")
  func deletion() async throws {
    try await fill(101)
    let id = MessageID(time: 1, counter: 0, random: 0).text
    let command = #"{"command":"delete","room":"lobby","id":"\#(id)","by":"Mo"}"#
    #expect(try await room.moderate(command) == #"{"deleted":false,"handedOver":true}"#)
    #expect(queue().map(\.kind) == [.alone])
    #expect(queue().first?.frame == Array(#"{"type":"deleted","id":"\#(id)"}"#.utf8))
    #expect(invoked.count == 1)
    #expect(room.gateway.attempts.isEmpty)
  }

  private func lease(until seconds: Int, isFull: Bool = false, startBy: Int? = nil) {
    let now = Int(Date().timeIntervalSince1970) * 1000
    store.state.withLock {
      $0.leases["lobby"] = Delivery(
        room: "lobby", round: .first(at: 1), ranges: ["0000"], until: now + seconds * 1000, isFull: isFull,
        startBy: startBy.map { now + $0 * 1000 })
    }
  }

  @Test("An active delivery takes the message without another invocation; an expired or unfinished one does not")
  func active() async throws {
    try await fill(101)
    lease(until: 3600)
    try await room.send(#"{"action":"send","message":1}"#, from: "c0=")
    lease(until: 3600, startBy: 3600)
    try await room.send(#"{"action":"send","message":2}"#, from: "c0=")
    #expect(invoked.isEmpty)
    lease(until: -3600)
    try await room.send(#"{"action":"send","message":3}"#, from: "c0=")
    #expect(invoked.count == 1)
    lease(until: 3600, startBy: -3600)
    try await room.send(#"{"action":"send","message":4}"#, from: "c0=")
    #expect(invoked.count == 2)
    #expect(queue().count == 4)
  }

  @Test("While more waits than one frame holds, messages are refused for 5 s, and neither kept nor queued")
  func full() async throws {
    try await fill(101)
    try await room.send(#"{"action":"send","message":1}"#, from: "c0=")
    room.clear()
    lease(until: 3600, isFull: true)
    for (frame, status) in [(#"{"action":"send","clientId":"7","message":2}"#, 200), (#"{"a":1}"#, 429)] {
      #expect(try await room.send(frame, from: "c0=").statusCode == status)
      let refusal = try #require(try room.frames("c0=").first)
      #expect(refusal.code == "rate_limited")
      #expect(refusal.retryAfterMs == 5000)
    }
    #expect(queue().count == 1)
    #expect(room.messages.state.withLock { $0.kept["lobby"]?.count } == 1)
    let handler = PublishHandler(room.chat, room.gateway, logger: room.log.logger())
    let error = await #expect(throws: PublishError.self) {
      _ = try await handler.handle(Array(#"{"room":"lobby","message":1}"#.utf8))
    }
    #expect(error?.code == "rate_limited")
    // An expired lease refuses nothing: the message starts another delivery.
    lease(until: -3600, isFull: true)
    try await room.send(#"{"action":"send","message":3}"#, from: "c0=")
    #expect(queue().count == 2)
  }

  @Test("A message that cannot be queued is unavailable")
  func queueFails() async throws {
    try await fill(101)
    store.state.withLock { $0.error = Refused() }
    #expect(try await room.send(#"{"action":"send","message":1}"#, from: "c0=").statusCode == 500)
    #expect(try room.frames("c0=").map(\.code) == ["unavailable"])
    #expect(try await room.send("{}", from: "c0=").statusCode == 500)
  }

  @Test("A room that cannot be read at first is read again by the broadcast")
  func readFails() async throws {
    try await fill(3)
    room.store.state.withLock { $0.pageFailures = [1: Refused()] }
    #expect(try await room.send(#"{"action":"send","message":1}"#, from: "c0=").statusCode == 200)
    #expect(room.gateway.delivered.count == 3)
    #expect(room.store.pagesRead == 2)
  }
}
