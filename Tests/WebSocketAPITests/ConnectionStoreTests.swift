import Foundation
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
}
