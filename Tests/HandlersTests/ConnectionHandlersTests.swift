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

  @Test("A connection that opens is remembered for as long as a socket can live")
  func connect() async throws {
    let response = await ConnectHandler(store: store).handle(try messageEvent(body: nil), logger: log.logger())
    #expect(response == WebSocketResponse(200, "Connected."))
    let row = try #require(store.state.withLock { $0.rows.first })
    #expect(row.connectionID == "sender=")
    #expect(row.timestamp?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    #expect(row.isYounger(than: 5, at: Date()))
    #expect(!row.isYounger(than: 5, at: Date(timeIntervalSinceNow: 6)))
    let lifetime = try #require(row.expiresAt) - Int(Date().timeIntervalSince1970)
    #expect((7200...10_800).contains(lifetime))
  }

  @Test("One whose row cannot be written is not let in")
  func connectFails() async throws {
    store.state.withLock { $0.addError = Refused() }
    #expect(await ConnectHandler(store: store).handle(try messageEvent(body: nil), logger: log.logger()) == .failed)
    #expect(log.all.count == 1)
  }

  @Test("A connection that closes is forgotten, and one that nobody knew is no failure")
  func disconnect() async throws {
    try await store.add(.old("sender="))
    for _ in 0..<2 {
      let response = await DisconnectHandler(store: store).handle(try messageEvent(body: nil), logger: log.logger())
      #expect(response == WebSocketResponse(200, "Disconnected."))
      #expect(store.connectionIDs.isEmpty)
    }
  }

  @Test("A row that cannot be deleted is told")
  func disconnectFails() async throws {
    store.state.withLock { $0.removeError = Refused() }
    #expect(await DisconnectHandler(store: store).handle(try messageEvent(body: nil), logger: log.logger()) == .failed)
    #expect(log.all.count == 1)
  }

  @Test("Responses are as a proxy integration has them")
  func json() throws {
    let json = String(decoding: try WebSocketResponse(200, "Message \"sent\".").json(), as: UTF8.self)
    #expect(json == #"{"body":"Message \"sent\".","statusCode":200}"#)
  }

  @Test("An expiry that no date can hold is an expiry", arguments: [Int.max, Int.min, 0])
  func strangeExpiry(seconds: Int) {
    let connection = Connection(connectionID: "a", timestamp: nil, expiresAt: seconds)
    #expect(connection.isExpired(at: Date()) == (seconds <= 0))
  }
}
