import Foundation
import RuntimeClient
import RuntimeTesting
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import WebSocketEcho

/// Tests of a WebSocket backend: its handlers on a table and connections in memory, and its executable.
@Suite(.timeLimit(.minutes(10)))
struct WebSocketEchoTests {
  private let store = MemoryStore(count: 2)
  private let gateway = MemoryGateway()

  private func handle(_ eventType: String, body: String? = nil, isBase64Encoded: Bool = false) async throws
    -> WebSocketResponse
  {
    let event: [String: Any?] = [
      "requestContext": ["connectionId": "c9", "eventType": eventType, "domainName": "a.example", "stage": "dev"],
      "body": body, "isBase64Encoded": isBase64Encoded,
    ]
    let backend = Backend(connections: store) { [gateway] _ in gateway }
    let json = try JSONSerialization.data(withJSONObject: event.mapValues { $0 ?? NSNull() })
    return try await backend.handle(WebSocketEvent(json: [UInt8](json)), InvocationContext())
  }

  @Test("A connection is stored when it opens and removed when it closes")
  func connections() async throws {
    #expect(try await handle("CONNECT") == WebSocketResponse(200))
    #expect(store.connectionIDs == ["c0", "c1", "c9"])
    #expect(try await handle("DISCONNECT") == WebSocketResponse(200))
    #expect(store.connectionIDs == ["c0", "c1"])
  }

  @Test(
    "A frame goes to every connection, byte for byte",
    arguments: [("not JSON: é", false), (Data([0, 255, 10]).base64EncodedString(), true)])
  func frames(body: String, isBase64Encoded: Bool) async throws {
    #expect(try await handle("CONNECT") == WebSocketResponse(200))
    #expect(try await handle("MESSAGE", body: body, isBase64Encoded: isBase64Encoded) == WebSocketResponse(200))
    #expect(gateway.delivered == ["c0": 1, "c1": 1, "c9": 1])
    #expect(gateway.state.withLock { $0.messages } == [isBase64Encoded ? [0, 255, 10] : Array(body.utf8)])
  }

  @Test("A frame that cannot be decoded, or is missing, reaches no connection", arguments: [nil, "no base64!"])
  func invalidFrame(body: String?) async throws {
    #expect(try await handle("MESSAGE", body: body, isBase64Encoded: true).statusCode == 400)
    #expect(gateway.attempts.isEmpty)
  }

  @Test("Without TABLE_NAME the executable reports a failed initialization")
  func configuration() async throws {
    let emulator = try RuntimeAPIEmulator()
    let function = try FunctionProcess("WebSocketEcho", on: emulator, environment: ["AWS_REGION": "eu-central-1"])
    let error = try #require(await emulator.answers(count: 1).first)
    #expect(error.call == .initError)
    #expect(error.text.contains("TABLE_NAME is not set."))
    #expect(await function.stop() == 1)
  }
}
