import Foundation
import HTTP
import Synchronization
import TestServers
import TestSupport
import Testing

@testable import RuntimeClient

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

  #if Lean
    @Test("The lean build polls and sends on sockets")
    func defaults() {
      let transports = RuntimeAPITransports()
      #expect(transports.polling is SocketTransport)
      #expect(transports.sending is SocketTransport)
    }
  #else
    @Test("The default build polls with URLSession and sends with libcurl")
    func defaults() {
      let transports = RuntimeAPITransports()
      #expect(transports.polling is URLSessionTransport)
      #expect(transports.sending is CurlTransport)
    }
  #endif

  @Test(
    "Sockets serve a host that is a number, libcurl one that is a name",
    arguments: [
      ("127.0.0.1:9001", true), ("[::1]:9001", true), ("127.1", true), ("localhost:9001", false), ("a.b", false),
    ])
  func adapted(address: String, isNumeric: Bool) throws {
    let sockets = SocketTransport()
    let transports = RuntimeAPITransports(polling: sockets, sending: sockets)
      .adapted(to: try RuntimeAPIAddress(address))
    #expect(transports.polling is SocketTransport == isNumeric)
    #expect(transports.polling is CurlTransport == !isNumeric)
    #expect(transports.sending is SocketTransport == isNumeric)
    #expect(transports.sending is CurlTransport == !isNumeric)
  }

  @Test("An invocation is handled if the Runtime API's host is a name")
  func name() async throws {
    let emulator = try RuntimeAPIEmulator([.init("a")])
    let client = try RuntimeAPIClient(
      address: emulator.address.replacing("127.0.0.1", with: "localhost"), transports: RuntimeAPITransports(),
      function: LambdaFunction(environment: [:]), logger: .init(sink: .function { _ in }))
    #expect(try await client.next().context.requestID == "a")
    try await client.respond(to: "a", with: [1])
    #expect(await emulator.answers(count: 1).map(\.call) == [.response("a")])
  }
}
