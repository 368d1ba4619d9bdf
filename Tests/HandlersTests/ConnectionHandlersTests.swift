import AWS
import Foundation
import Testing
import WebSocketAPITestSupport

@testable import Handlers
@testable import WebSocketAPI

/// `$connect` and `$disconnect`.
@Suite struct ConnectionHandlersTests {
  private let store = MemoryStore([])
  private let log = LogLines()
  private var chat: Chat { Chat(connections: store) { _ in MemoryGateway() } }

  @Test("$connect stores the connection with an expiry beyond API Gateway's two hours")
  func storesConnection() async throws {
    let response = await ConnectHandler(chat).handle(try messageEvent(body: nil), logger: log.logger())
    #expect(response == WebSocketResponse(200, "Connected."))
    let row = try #require(store.state.withLock { $0.rows.first })
    #expect(row.connectionID == "sender=")
    #expect(row.timestamp?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    #expect(row.isYounger(than: 600, at: Date()))
    #expect(!row.isYounger(than: 5, at: Date(timeIntervalSinceNow: 6)))
    let lifetime = try #require(row.expiresAt) - Int(Date().timeIntervalSince1970)
    #expect((7200...10_800).contains(lifetime))
  }

  @Test("$connect returns 500 if the row cannot be written")
  func reportsFailedWrite() async throws {
    store.state.withLock { $0.addError = Refused() }
    #expect(await ConnectHandler(chat).handle(try messageEvent(body: nil), logger: log.logger()) == .failed)
    #expect(log.all.count == 1)
  }

  @Test("$disconnect deletes the row, and a missing row is not a failure")
  func deletesConnection() async throws {
    try await store.add(.old("sender="))
    for _ in 0..<2 {
      let response = await DisconnectHandler(chat).handle(try messageEvent(body: nil), logger: log.logger())
      #expect(response == WebSocketResponse(200, "Disconnected."))
      #expect(store.connectionIDs.isEmpty)
    }
  }

  @Test("$disconnect returns 500 if the row cannot be deleted")
  func reportsFailedDelete() async throws {
    store.state.withLock { $0.removeError = Refused() }
    #expect(await DisconnectHandler(chat).handle(try messageEvent(body: nil), logger: log.logger()) == .failed)
    #expect(log.all.count == 1)
  }

  @Test("Any integer is a valid expiry", arguments: [Int.max, Int.min, 0])
  func acceptsAnyExpiry(seconds: Int) {
    let connection = Connection(connectionID: "a", timestamp: nil, expiresAt: seconds)
    #expect(connection.isExpired(at: Date()) == (seconds <= 0))
  }
}
