import Foundation
import TestServers
import Testing
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// The table in DynamoDB, over loopback.
@Suite(.timeLimit(.minutes(10)))
struct ConnectionStoreTests {
  @Test("A row is deleted only if it is unchanged since it was read")
  func deletesUnchangedRow() async throws {
    let aws = try FakeAWS()
    aws.add(["same", "rewritten"], timestamp: "2020-01-01T00:00:00.000Z")
    aws.add(["without"], timestamp: nil)
    let store = try aws.store(aws.configuration())
    let read = "2020-01-01T00:00:00.000Z"
    try await store.removeIfUnchanged(Connection(connectionID: "same", timestamp: read, expiresAt: nil))
    #expect(aws.rows == ["rewritten", "without"])
    // The row was rewritten, or its attribute was added or removed, after it was read.
    try await store.removeIfUnchanged(Connection(connectionID: "rewritten", timestamp: "2019", expiresAt: nil))
    try await store.removeIfUnchanged(Connection(connectionID: "rewritten", timestamp: nil, expiresAt: nil))
    try await store.removeIfUnchanged(Connection(connectionID: "without", timestamp: read, expiresAt: nil))
    #expect(aws.rows == ["rewritten", "without"])
    // Already deleted.
    try await store.removeIfUnchanged(Connection(connectionID: "same", timestamp: read, expiresAt: nil))
    try await store.removeIfUnchanged(Connection(connectionID: "without", timestamp: nil, expiresAt: nil))
    #expect(aws.rows == ["rewritten"])
  }

  @Test("Pages cover the whole table in order", arguments: [1, 3, 4, 5, 100])
  func pages(limit: Int) async throws {
    let aws = try FakeAWS()
    aws.add(["a", "b", "c", "d"])
    let store = try aws.store(aws.configuration(), pageLimit: limit)
    var ids: [String] = []
    var page = try await store.page(room: "lobby", after: nil)
    while true {
      #expect(page.connections.count <= limit)
      ids += page.connections.map(\.connectionID)
      guard let next = page.next else { break }
      page = try await store.page(room: "lobby", after: next)
    }
    #expect(ids == ["a", "b", "c", "d"])
  }

  @Test("The rows of a room are read through its index, with the attributes of their purpose")
  func queries() async throws {
    let reply = #"{"Items":[{"connectionId":{"S":"a"},"userId":{"S":"u"},"name":{"S":"n"},"enteredAt":{"N":"7"}}]}"#
    let aws = try FakeAWS { operation, _ in operation == "Query" ? Reply(200, text: reply) : nil }
    let store = try aws.store(aws.configuration(), pageLimit: 5)
    let page = try await store.page(room: "r", after: "a")
    #expect(page.connections.map(\.room) == ["r"])
    let sample = try await store.entered(room: "r")
    #expect(sample.isComplete)
    let expected = Connection(
      connectionID: "a", timestamp: nil, expiresAt: nil, room: "r", userID: "u", name: "n", enteredAt: 7)
    #expect(sample.connections == [expected])
    let bodies = aws.server.requests.compactMap {
      (try? JSONSerialization.jsonObject(with: Data($0.body))) as? NSDictionary
    }
    #expect(bodies.count == 2)
    // printf a | sha256sum | cut -c 1-4
    let key = ["room": ["S": "r"], "roomKey": ["S": "ca97a"], "connectionId": ["S": "a"]]
    #expect(bodies.first?["ExclusiveStartKey"] as? NSDictionary == key as NSDictionary)
    #expect(bodies.first?["IndexName"] as? String == "room")
    #expect(bodies.first?["Limit"] as? Int == 5)
    #expect(bodies.first?["FilterExpression"] == nil)
    #expect(bodies.last?["Limit"] == nil)
    #expect(bodies.last?["FilterExpression"] as? String == "attribute_exists(#e)")
  }

  @Test("A room that exceeds a page is a sample of the share that the last key shows")
  func sample() async throws {
    let reply = #"{"Items":[],"LastEvaluatedKey":{"room":{"S":"r"},"roomKey":{"S":"x"},"connectionId":{"S":"a"}}}"#
    let aws = try FakeAWS { operation, _ in operation == "Query" ? Reply(200, text: reply) : nil }
    let sample = try await aws.store(aws.configuration()).entered(room: "r")
    #expect(!sample.isComplete)
    #expect(sample.share == Double(0xCA97 + 1) / 65_536)
  }

  @Test("The first digits of a room's keys are distributed uniformly")
  func uniformKeys() {
    var counts = [Int](repeating: 0, count: 16)
    for number in 0..<16_000 {
      let key = RoomKey.of("L0SM9cOFvHcCI\(number)=")
      #expect(key.hasSuffix("L0SM9cOFvHcCI\(number)="))
      counts[Int(RoomKey.share(upTo: key) * 15.999)] += 1
    }
    #expect(counts.allSatisfy { (800...1200).contains($0) })
  }

  @Test("A row is written with its room, its index key and its person; attributes it lacks are left out")
  func writes() async throws {
    let aws = try FakeAWS()
    let store = try aws.store(aws.configuration())
    try? await store.add(
      Connection(connectionID: "a", timestamp: "t", expiresAt: 7, room: "r", userID: "u", name: "n", enteredAt: nil))
    let body = try #require(aws.server.requests.first?.body)
    let item = (try JSONSerialization.jsonObject(with: Data(body)) as? NSDictionary)?["Item"] as? NSDictionary
    #expect(
      item == [
        "connectionId": ["S": "a"], "timestamp": ["S": "t"], "expiresAt": ["N": "7"], "room": ["S": "r"],
        "roomKey": ["S": "ca97a"], "userId": ["S": "u"], "name": ["S": "n"],
      ] as NSDictionary)
  }
}
