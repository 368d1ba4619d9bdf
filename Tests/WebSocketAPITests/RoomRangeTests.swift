import Foundation
import TestServers
import Testing
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// Ranges of the keys of a room.
@Suite(.timeLimit(.minutes(10)))
struct RoomRangeTests {
  @Test("A range is split into equal ranges in order, without gaps", arguments: [1, 2, 3, 7, 64, 65_536])
  func split(count: Int) throws {
    let middle = try #require(RoomRange(lower: "1234", upper: "fffe"))
    for range in [RoomRange.all, middle] {
      let parts = range.split(into: count)
      let size = Int(range.upper) - Int(range.lower) + 1
      #expect(parts.count == min(count, size))
      #expect(parts.first?.lower == range.lower)
      #expect(parts.last?.upper == range.upper)
      #expect(zip(parts, parts.dropFirst()).allSatisfy { Int($0.upper) + 1 == Int($1.lower) })
      let sizes = parts.map { Int($0.upper) - Int($0.lower) + 1 }
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }
  }

  @Test("A split into no parts is the range; one of a single value is not split", arguments: [-1, 0, 1, 9])
  func smallSplit(count: Int) throws {
    let single = try #require(RoomRange(lower: "00ff", upper: "00ff"))
    #expect(single.split(into: count) == [single])
    if count < 2 { #expect(RoomRange.all.split(into: count) == [.all]) }
  }

  @Test("The texts of a range are its bounds as four digits")
  func texts() {
    let texts = RoomRange.all.split(into: 16).map { $0.lowerText + "-" + $0.upperText }
    #expect(texts.first == "0000-0fff")
    #expect(texts[10] == "a000-afff")
    #expect(texts.last == "f000-ffff")
    for range in RoomRange.all.split(into: 100) {
      #expect(RoomRange(lower: range.lowerText, upper: range.upperText) == range)
    }
  }

  @Test(
    "Other texts are refused",
    arguments: [
      ("0000", "FFFF"), ("000", "ffff"), ("00000", "ffff"), ("0001", "0000"), ("", ""), ("+001", "ffff"),
      ("0000", "fffg"), ("0000", "ff f"), ("-001", "ffff"), ("0000", "fff\u{e9}"), ("0000", "ff\u{e9}"),
    ])
  func refused(lower: String, upper: String) {
    #expect(RoomRange(lower: lower, upper: upper) == nil)
  }

  @Test("Each key of a room lies between the sort keys of exactly one range")
  func sortKeys() {
    let ranges = RoomRange.all.split(into: 7)
    for number in 0..<5000 {
      let key = RoomKey.of("L0SM9cOFvHcCI\(number)=")
      let matching = ranges.filter { ($0.sortKeys.from...$0.sortKeys.to).contains(key) }
      #expect(matching.count == 1)
      let digits = UInt16(key.prefix(4), radix: 16) ?? 0
      #expect(matching.first.map { ($0.lower...$0.upper).contains(digits) } == true)
    }
  }

  @Test("A page of a range is a query between its keys; that of a whole room has no bounds")
  func query() async throws {
    let aws = try FakeAWS { operation, _ in operation == "Query" ? Reply(200, text: #"{"Items":[]}"#) : nil }
    let store = try aws.store(aws.configuration(), pageLimit: 5)
    let ranges = RoomRange.all.split(into: 2)
    _ = try await store.page(room: "r", range: ranges[0], after: "a")
    _ = try await store.page(room: "r", range: ranges[1], after: nil)
    _ = try await store.page(room: "r", range: .all, after: nil)
    _ = try await store.page(room: "r", after: nil)
    let bodies = aws.server.requests.compactMap {
      (try? JSONSerialization.jsonObject(with: Data($0.body))) as? NSDictionary
    }
    #expect(
      bodies.first == [
        "TableName": "connections", "IndexName": "room", "Limit": 5,
        "KeyConditionExpression": "#p = :p AND #s BETWEEN :l AND :u", "ProjectionExpression": "#a0, #a1, #a2",
        "ExpressionAttributeNames": [
          "#p": "room", "#s": "roomKey", "#a0": "connectionId", "#a1": "timestamp", "#a2": "expiresAt",
        ],
        "ExpressionAttributeValues": [":p": ["S": "r"], ":l": ["S": "0000"], ":u": ["S": "8000"]],
        "ExclusiveStartKey": ["room": ["S": "r"], "roomKey": ["S": "ca97a"], "connectionId": ["S": "a"]],
      ] as NSDictionary)
    #expect(
      bodies[1]["ExpressionAttributeValues"] as? NSDictionary
        == [":p": ["S": "r"], ":l": ["S": "8000"], ":u": ["S": "g"]] as NSDictionary)
    #expect(bodies[2]["KeyConditionExpression"] as? String == "#p = :p")
    #expect(bodies[2] == bodies[3])
  }

  // MARK: - Broadcasts

  private let message = Array("1".utf8)

  private func send(
    _ store: MemoryStore, _ gateway: MemoryGateway, _ range: RoomRange, after: String? = nil, rate: Double = 1e6
  ) async -> BroadcastReport {
    await Broadcast(store: store, gateway: gateway).send(
      message, room: "r", range: range, after: after, rate: rate
    ) { _ in rate }
  }

  private func store(_ count: Int) -> MemoryStore {
    MemoryStore(
      (0..<count).map { Connection(connectionID: "c\($0)", timestamp: nil, expiresAt: nil, room: "r") }, pageSize: 100)
  }

  @Test("Broadcasts to all ranges reach everyone once", arguments: [1, 2, 5])
  func ranges(count: Int) async {
    let (store, gateway) = (store(1000), MemoryGateway())
    var reached = 0
    for range in RoomRange.all.split(into: count) {
      let report = await send(store, gateway, range)
      #expect(report.isComplete)
      #expect(report.servedThrough != nil)
      reached += report.reached
    }
    #expect(reached == 1000)
    #expect(gateway.delivered == Dictionary(uniqueKeysWithValues: store.connectionIDs.map { ($0, 1) }))
  }

  @Test("A broadcast continues after a connection, whose row may be deleted")
  func continues() async throws {
    let (store, gateway) = (store(1000), MemoryGateway())
    let range = RoomRange.all.split(into: 2)[1]
    let page = try await store.page(room: "r", range: range, after: nil)
    let after = try #require(page.next)
    _ = try await store.remove(connectionID: after)
    let report = await send(store, gateway, range, after: after)
    #expect(report.isComplete)
    let rest = store.connectionIDs.filter {
      let key = RoomKey.of($0)
      return key >= "8000" && key > RoomKey.of(after)
    }
    #expect(Set(gateway.delivered.keys) == Set(rest))
    #expect(report.servedThrough == rest.max { RoomKey.of($0) < RoomKey.of($1) })
  }

  @Test("The checkpoint is called each second with the progress, and the rate that it returns applies")
  func checkpoint() async {
    let gateway = MemoryGateway()
    let progress = Progress()
    let start = ContinuousClock.now
    let report = await Broadcast(store: store(1500), gateway: gateway).send(
      message, room: "r", range: .all, after: "c99", rate: 1
    ) {
      await progress.add($0) == 1 ? 1 : 1e6
    }
    let all = await progress.all
    #expect(report.reached == 1400)
    #expect(all.count >= 2)
    // The row of the last post, in the middle of a page.
    #expect(all.prefix(2).allSatisfy { $0.servedThrough == "c\(99 + $0.report.reached)" && $0.report.reached < 100 })
    #expect(report.servedThrough == "c1499")
    // At the first rate it would take 1,400 seconds.
    #expect(start.duration(to: .now) < .seconds(1000))
  }

  private actor Progress {
    private(set) var all: [BroadcastProgress] = []
    func add(_ progress: BroadcastProgress) -> Int {
      all.append(progress)
      return all.count
    }
  }

  @Test("A checkpoint that hangs holds up neither the posts nor the end")
  func hangingCheckpoint() async {
    let start = ContinuousClock.now
    let report = await Broadcast(store: store(600), gateway: MemoryGateway()).send(
      message, room: "r", range: .all, after: nil, rate: 300
    ) { _ in
      try? await Task.sleep(for: .seconds(3600))
      return 300
    }
    #expect((report.reached, report.isComplete) == (600, true))
    #expect(start.duration(to: .now) < .seconds(1000))
  }

  // MARK: - First pages

  @Test("Pages that were read are not read again; the rest is", arguments: [0, 1, 3, 10])
  func firstPages(count: Int) async throws {
    let (store, gateway) = (store(1000), MemoryGateway())
    var pages: [ConnectionPage] = []
    for _ in 0..<count { pages.append(try await store.page(room: "r", after: pages.last?.next)) }
    let sender = Connection(connectionID: "c50", timestamp: nil, expiresAt: nil, room: "r")
    let report = await Broadcast(store: store, gateway: gateway).send(
      message, room: "r", sender: sender, firstPages: pages)
    #expect((report.reached, report.isComplete) == (1000, true))
    #expect(report.servedThrough == nil)
    #expect(gateway.delivered.values.allSatisfy { $0 == 1 })
    #expect(store.pagesRead == 10)
  }

  @Test("A key among the first pages that returns ends the reading")
  func repeatedKey() async {
    let store = MemoryStore(count: 3, pageSize: 1)
    let pages = [ConnectionPage([.old("c0")], next: "c0"), ConnectionPage([.old("x")], next: "c1")]
    let report = await Broadcast(store: store, gateway: MemoryGateway()).send(
      message, room: "lobby", sender: nil, firstPages: [pages[1], pages[0]])
    #expect(report.readError is RepeatedPageKey)
  }
}
