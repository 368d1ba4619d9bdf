import Foundation
import Testing
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// The table in DynamoDB, through a real socket.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionStoreTests {
  @Test("A row goes only if it still is as it was read")
  func removeIfUnchanged() async throws {
    let aws = try FakeAWS()
    aws.add(["same", "anew"], timestamp: "2020-01-01T00:00:00.000Z")
    aws.add(["without"], timestamp: nil)
    let store = try aws.store(aws.configuration())
    let read = "2020-01-01T00:00:00.000Z"
    try await store.removeIfUnchanged(Connection(connectionID: "same", timestamp: read, expiresAt: nil))
    #expect(aws.rows == ["anew", "without"])
    // As when it was written anew, or its attribute came or went, after it was read.
    try await store.removeIfUnchanged(Connection(connectionID: "anew", timestamp: "2019", expiresAt: nil))
    try await store.removeIfUnchanged(Connection(connectionID: "anew", timestamp: nil, expiresAt: nil))
    try await store.removeIfUnchanged(Connection(connectionID: "without", timestamp: read, expiresAt: nil))
    #expect(aws.rows == ["anew", "without"])
    // Already deleted.
    try await store.removeIfUnchanged(Connection(connectionID: "same", timestamp: read, expiresAt: nil))
    try await store.removeIfUnchanged(Connection(connectionID: "without", timestamp: nil, expiresAt: nil))
    #expect(aws.rows == ["anew"])
  }

  @Test("Pages follow one another to the end of the table", arguments: [1, 3, 4, 5, 100])
  func pages(limit: Int) async throws {
    let aws = try FakeAWS()
    aws.add(["a", "b", "c", "d"])
    let store = try aws.store(aws.configuration(), pageLimit: limit)
    var ids: [String] = []
    var page = try await store.page(after: nil)
    while true {
      #expect(page.connections.count <= limit)
      ids += page.connections.map(\.connectionID)
      guard let next = page.next else { break }
      page = try await store.page(after: next)
    }
    #expect(ids == ["a", "b", "c", "d"])
  }
}
