import Foundation
import HTTP
import RuntimeClient
import Synchronization
import TestServers
import TestSupport
import Testing

@Suite(.ownThread, .timeLimit(.minutes(30)))
struct TransportChoiceTests {
  /// A transport that records the methods of its requests.
  private final class Recorder: HTTPTransport {
    let methods = Mutex<[HTTPMethod]>([])
    private let transport: any HTTPTransport

    init(_ transport: any HTTPTransport) { self.transport = transport }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      methods.withLock { $0.append(request.method) }
      return try await transport.send(request)
    }
  }

  @Test("next is polled with one transport; responses and errors are sent with the other")
  func split() async throws {
    struct Mishap: Error {}
    let transports = RuntimeAPITransports()
    let (polling, sending) = (Recorder(transports.polling), Recorder(transports.sending))
    let emulator = try RuntimeAPIEmulator([.init("a"), .init("b")])
    let client = try RuntimeAPIClient(
      address: emulator.address, transports: RuntimeAPITransports(polling: polling, sending: sending),
      function: LambdaFunction(environment: [:]), logger: .init(sink: .function { _ in }))
    let runtime = Runtime(client: client, logger: .init(sink: .function { _ in })) { payload, context in
      if context.requestID == "b" { throw Mishap() }
      return payload
    }
    let task = Task { try await runtime.run() }
    #expect(await emulator.answers(count: 2).map(\.call) == [.response("a"), .error("b")])
    try await client.failInit(with: FunctionError(type: "A", message: "m"))
    task.cancel()
    try await task.value
    #expect(polling.methods.withLock { $0.allSatisfy { $0 == .get } })
    #expect(sending.methods.withLock { $0 } == [.post, .post, .post])
  }

  #if !Lean
    @Test("The default build polls with URLSession and sends with libcurl")
    func defaults() {
      let transports = RuntimeAPITransports()
      #expect(transports.polling is URLSessionTransport)
      #expect(transports.sending is CurlTransport)
    }
  #endif
}
