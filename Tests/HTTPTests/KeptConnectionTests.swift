import EventLoop
import Foundation
import HTTP
import Synchronization
import TestServers
import TestSupport
import Testing

/// Requests on kept connections whose end the transport did not see, as after a freeze of the sandbox.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct KeptConnectionTests {
  /// A server that never answers on a connection opened before `freeze`.
  private final class FreezingServer: Sendable {
    private final class State: Sendable {
      let firstLiveConnection = Atomic(0)
      let isHeld = Atomic(true)
    }

    let server: LoopbackServer
    private let state: State

    init() throws {
      let state = State()
      server = try LoopbackServer { request in
        while request.target == "/held", state.isHeld.load(ordering: .sequentiallyConsistent) { usleep(2000) }
        let isDead = request.connection < state.firstLiveConnection.load(ordering: .sequentiallyConsistent)
        return isDead ? Reply(200).with(.stall) : Reply(200, text: "\(request.connection)")
      }
      self.state = state
    }

    /// Opens this many connections of a transport and leaves them idle.
    func warm(_ transport: any HTTPTransport, connections: Int) async throws {
      let request = HTTPRequest(method: .get, url: try server.url("/held"))
      state.isHeld.store(true, ordering: .sequentiallyConsistent)
      try await withThrowingTaskGroup { group in
        for _ in 0..<connections { group.addTask { _ = try await transport.send(request) } }
        while server.requests.count < connections { try await EventLoop.sleep(for: .milliseconds(5)) }
        state.isHeld.store(false, ordering: .sequentiallyConsistent)
        try await group.waitForAll()
      }
    }

    func freeze() { state.firstLiveConnection.store(server.connectionCount + 1, ordering: .sequentiallyConsistent) }
  }

  private struct Outcome: Sendable {
    var errors: [HTTPError?] = []
    var connections: [Int] = []
  }

  /// Sends posts concurrently, and repeats each post that timed out.
  private func post(
    _ count: Int, to server: LoopbackServer, _ transport: any HTTPTransport, timeout: Duration = .seconds(2)
  ) async throws -> Outcome {
    let request = HTTPRequest(method: .post, url: try server.url(), body: [1], timeout: timeout)
    return try await withThrowingTaskGroup(of: (HTTPError?, Int?).self) { group in
      for _ in 0..<count {
        group.addTask {
          do {
            return (nil, Int(String(decoding: try await transport.send(request).body, as: UTF8.self)))
          } catch let error as HTTPError {
            var second = request
            second.timeout = .seconds(60)
            return (error, Int(String(decoding: try await transport.send(second).body, as: UTF8.self)))
          }
        }
      }
      var outcome = Outcome()
      for try await (error, connection) in group {
        outcome.errors.append(error)
        if let connection { outcome.connections.append(connection) }
      }
      return outcome
    }
  }

  @Test(
    "After a timeout on a kept connection, no request uses a connection that was idle then",
    arguments: BodyTransport.allCases, [1, 64, 100])
  func freeze(kind: BodyTransport, posts: Int) async throws {
    let freezing = try FreezingServer()
    defer { freezing.server.stop() }
    let transport = kind.make()
    try await freezing.warm(transport, connections: 100)
    freezing.freeze()
    let outcome = try await post(posts, to: freezing.server, transport)
    #expect(outcome.errors.map { $0?.reason } == Array(repeating: .timedOut, count: posts))
    #expect(outcome.errors.allSatisfy { $0?.isOnKeptConnection == true })
    #expect(outcome.connections.count == posts)
    #expect(outcome.connections.allSatisfy { $0 > 100 })
    // Each second attempt opened at most one connection, so no connection was dropped twice.
    #expect(freezing.server.connectionCount <= 100 + posts)
  }

  @Test("A timeout drops the idle connections to other hosts too", arguments: BodyTransport.allCases)
  func otherHost(kind: BodyTransport) async throws {
    let servers = [try FreezingServer(), try FreezingServer()]
    defer { for freezing in servers { freezing.server.stop() } }
    let transport = kind.make()
    for freezing in servers {
      try await freezing.warm(transport, connections: 10)
      freezing.freeze()
    }
    let outcomes = [
      try await post(1, to: servers[0].server, transport),
      try await post(10, to: servers[1].server, transport, timeout: .seconds(60)),
    ]
    #expect(outcomes[0].errors.map { $0?.reason } == [.timedOut])
    #expect(outcomes[1].errors.allSatisfy { $0 == nil })
  }

  @Test(
    "A timeout on a new connection is not marked as on a kept one and drops no connection",
    arguments: BodyTransport.allCases)
  func newConnection(kind: BodyTransport) async throws {
    let silent = try LoopbackServer { _ in Reply(200).with(.stall) }
    let live = try LoopbackServer { _ in Reply(200) }
    defer { for server in [silent, live] { server.stop() } }
    let transport = kind.make()
    let request = HTTPRequest(method: .get, url: try live.url())
    _ = try await transport.send(request)
    let error = await #expect(throws: HTTPError.self) {
      try await transport.send(HTTPRequest(method: .get, url: try silent.url(), timeout: .seconds(2)))
    }
    _ = try await transport.send(request)
    #expect(error?.reason == .timedOut)
    #expect(error?.isOnKeptConnection == false)
    #expect(live.connectionCount == 1)
  }

  @Test("A timeout does not disturb a request in flight on another kept connection", arguments: BodyTransport.allCases)
  func running(kind: BodyTransport) async throws {
    let server = try LoopbackServer { request in
      request.target == "/slow"
        ? Reply(200, text: "slow").with(.trickle(bytes: 10, pause: .milliseconds(500))) : Reply(200)
    }
    let freezing = try FreezingServer()
    defer { for server in [server, freezing.server] { server.stop() } }
    let transport = kind.make()
    try await freezing.warm(transport, connections: 2)
    _ = try await transport.send(HTTPRequest(method: .get, url: try server.url()))
    async let slow = transport.send(HTTPRequest(method: .get, url: try server.url("/slow"), timeout: .seconds(60)))
    freezing.freeze()
    _ = try await post(2, to: freezing.server, transport)
    let body = try await slow.body
    #expect(body == Array("slow".utf8))
    #expect(server.connectionCount == 1)
  }
}
