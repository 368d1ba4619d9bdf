import Foundation
import Testing
import WebSocketAPITestSupport

@testable import WebSocketAPI

/// Broadcasts to one room, to the sender first, or to given connections.
@Suite(.timeLimit(.minutes(10)))
struct RoomBroadcastTests {
  private let message = Array("1".utf8)
  private let gateway = MemoryGateway { id, _ in if id.hasPrefix("gone") { throw ConnectionGone() } }

  private func row(_ id: String, room: String, enteredAt: Int? = nil) -> Connection {
    Connection(connectionID: id, timestamp: nil, expiresAt: nil, room: room, enteredAt: enteredAt)
  }

  @Test("Only the connections of the room are read and posted to, also beside a larger room")
  func room() async {
    let store = MemoryStore((0..<500).map { row("c\($0)", room: $0 < 5 ? "r" : "large") }, pageSize: 100)
    let report = await Broadcast(store: store, gateway: gateway).send(message, room: "r")
    #expect(report.reached == 5)
    #expect(store.pagesRead == 1)
    #expect(Set(gateway.delivered.keys) == Set((0..<5).map { "c\($0)" }))
  }

  @Test(
    "The sender is posted to once, whether it is on the first page, on a later one, or on none", arguments: [0, 7, nil])
  func sender(position: Int?) async {
    var rows = (0..<10).map { row("c\($0)", room: "r") }
    if let position { rows.insert(row("s", room: "r"), at: position) }
    let store = MemoryStore(rows, pageSize: 3)
    let report = await Broadcast(store: store, gateway: gateway).send(message, room: "r", sender: row("s", room: "r"))
    #expect(report.reached == 11)
    #expect(gateway.delivered["s"] == 1)
    #expect(gateway.attempts.values.allSatisfy { $0 == 1 })
  }

  @Test("The sender is served even if the room cannot be read")
  func unreadableRoom() async {
    let store = MemoryStore(count: 3)
    store.state.withLock { $0.pageFailures = [1: Refused()] }
    let report = await Broadcast(store: store, gateway: gateway).send(message, sender: .old("s"))
    #expect(gateway.delivered == ["s": 1])
    #expect(!report.isSuccess)
  }

  @Test("Given connections are posted to, and the table is not read")
  func connections() async {
    let store = MemoryStore(count: 3)
    let report = await Broadcast(store: store, gateway: gateway).send(message, to: [.old("a"), .old("b")])
    #expect(report.reached == 2)
    #expect(store.pagesRead == 0)
  }

  @Test("The deleted rows of connections that had entered are reported with their attributes")
  func departed() async {
    let entered = row("gone1", room: "r", enteredAt: 7)
    let store = MemoryStore([row("a", room: "r"), entered, row("gone2", room: "r")])
    let report = await Broadcast(store: store, gateway: gateway).send(message, room: "r")
    #expect(report.gone == 2)
    #expect(report.departed == [entered])
    #expect(store.connectionIDs == ["a"])
  }

  @Test("A row that another broadcast deleted first is not reported")
  func deletedByAnother() async {
    let store = MemoryStore([])
    let report = await Broadcast(store: store, gateway: gateway).send(
      message, to: [row("gone", room: "r", enteredAt: 7)])
    #expect(report.gone == 1)
    #expect(report.departed.isEmpty)
  }

  @Test("Without pruning the rows of closed connections stay")
  func withoutPruning() async {
    let store = MemoryStore([row("gone", room: "r", enteredAt: 7)])
    let report = await Broadcast(store: store, gateway: gateway, isPruning: false).send(message, room: "r")
    #expect(report.gone == 1)
    #expect(report.departed.isEmpty)
    #expect(store.connectionIDs == ["gone"])
  }

  @Test("The number of reported rows is bounded")
  func boundsDeparted() async {
    let store = MemoryStore((0..<1500).map { row("gone\($0)", room: "r", enteredAt: 1) })
    let report = await Broadcast(store: store, gateway: gateway).send(message, room: "r")
    #expect(report.gone == 1500)
    #expect(report.departed.count == BroadcastReport.maximumDeparted)
    #expect(store.connectionIDs.isEmpty)
  }
}
