import EventLoop
import Foundation
import HTTP
import TestServers
import TestSupport
import Testing

/// The connections of a transport: their number, their reuse and the time to establish one.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct ConnectionTests {
  /// Holds a server's responses until it is opened.
  private final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func wait() {
      semaphore.wait()
      semaphore.signal()
    }

    func open() { semaphore.signal() }
  }

  @Test(
    "Connections to a host are limited; further requests wait, at most until their timeout",
    arguments: BodyTransport.allCases)
  func maximum(kind: BodyTransport) async throws {
    let transport = kind.make()
    let gate = Gate()
    let server = try LoopbackServer { request in
      gate.wait()
      return Reply(200, text: request.target)
    }
    defer { server.stop() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer { gate.open() }
      for number in 0..<kind.maximumConnections + 88 {
        let url = try server.url("/\(number)")
        group.addTask {
          let response = try await transport.send(HTTPRequest(method: .get, url: url))
          #expect(response.body == Array("/\(number)".utf8))
        }
      }
      while server.requests.count < kind.maximumConnections { try await Task.sleep(for: .milliseconds(10)) }
      let error = await #expect(throws: HTTPError.self) {
        try await transport.send(HTTPRequest(method: .get, url: try server.url("/late"), timeout: .seconds(3)))
      }
      #expect(error?.reason == .cannotConnect)
      #expect(server.connectionCount == kind.maximumConnections)
      gate.open()
      try await group.waitForAll()
    }
    #expect(server.requests.count == kind.maximumConnections + 88)
    #expect(server.connectionCount == kind.maximumConnections)
  }

  @Test(
    "A burst's connections are kept for the next burst, also after requests in between",
    arguments: BodyTransport.allCases)
  func kept(kind: BodyTransport) throws {
    let gates = ["/first": Gate(), "/second": Gate()]
    let server = try LoopbackServer { request in
      gates[request.target]?.wait()
      return Reply(200)
    }
    defer { server.stop() }
    let between = HTTPRequest(method: .get, url: try server.url())
    let bursts = try ["/first", "/second"].map { HTTPRequest(method: .get, url: try server.url($0)) }
    // A loop of its own, whose connection cache starts empty.
    EventLoop().run {
      let transport = kind.make()
      for (number, burst) in bursts.enumerated() {
        await withTaskGroup { group in
          for _ in 0..<100 { group.addTask { _ = try? await transport.send(burst) } }
          while server.requests.count < number * 200 + 100 { try? await EventLoop.sleep(for: .milliseconds(5)) }
          gates[burst.path]?.open()
        }
        for _ in 0..<100 { _ = try? await transport.send(between) }
      }
    }
    #expect(server.requests.count == 400)
    #expect(server.connectionCount == 100)
  }

  @Test(
    "The connect timeout ends a request that cannot connect before its own timeout does",
    arguments: BodyTransport.allCases)
  func connectTimeout(kind: BodyTransport) async throws {
    let listener = try DeafListener()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    let transport = kind.make(connectTimeout: .seconds(3))
    // An earlier connection must not count.
    _ = try await transport.send(HTTPRequest(method: .get, url: try server.url()))
    let url = try #require(URL(string: "http://\(listener.address)/"))
    let start = ContinuousClock.now
    let error = await #expect(throws: HTTPError.self) {
      try await transport.send(HTTPRequest(method: .get, url: url, timeout: .seconds(600)))
    }
    #expect(error?.reason == .cannotConnect)
    let time = start.duration(to: .now)
    #expect(time >= .milliseconds(2990) && time < .seconds(300))
  }

  @Test(
    "A request that times out before the connect timeout fails with cannotConnect", arguments: BodyTransport.allCases)
  func timeoutWhileConnecting(kind: BodyTransport) async throws {
    let listener = try DeafListener()
    let url = try #require(URL(string: "http://\(listener.address)/"))
    let error = await #expect(throws: HTTPError.self) {
      try await kind.make(connectTimeout: .seconds(600)).send(
        HTTPRequest(method: .get, url: url, timeout: .milliseconds(300)))
    }
    #expect(error?.reason == .cannotConnect)
  }

  @Test(
    "A connection that ends after the request was sent is reported as lost", arguments: BodyTransport.allCases,
    [Reply.Fault.reset(after: 0), .close(after: 0), .reset(after: 10), .close(after: 30), .close(after: 90)])
  func lost(kind: BodyTransport, fault: Reply.Fault) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { request in
      let reply = Reply(200, text: String(repeating: "x", count: 100))
      return request.target == "/lost" ? reply.with(fault) : reply
    }
    defer { server.stop() }
    // On a new connection, and on a kept one.
    for path in ["/lost", "/", "/lost"] {
      let request = HTTPRequest(method: .post, url: try server.url(path), body: [1], timeout: .seconds(60))
      if path == "/" {
        _ = try await transport.send(request)
      } else {
        let error = await #expect(throws: HTTPError.self) { try await transport.send(request) }
        #expect(error?.reason == .connectionLost)
      }
    }
  }

  @Test("A request can be cancelled while it connects", arguments: BodyTransport.allCases)
  func cancelWhileConnecting(kind: BodyTransport) async throws {
    let listener = try DeafListener()
    let request = HTTPRequest(method: .get, url: try #require(URL(string: "http://\(listener.address)/")))
    let task = Task { try await kind.make(connectTimeout: .seconds(600)).send(request) }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test(
    "A transport without other references lives until its last request ends", arguments: BodyTransport.allCases,
    [false, true])
  func release(kind: BodyTransport, isCancelled: Bool) async throws {
    let gate = Gate()
    let server = try LoopbackServer { _ in
      gate.wait()
      return Reply(200, text: "ok")
    }
    defer {
      gate.open()
      server.stop()
    }
    let request = HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(60))
    var transport: (any HTTPTransport & AnyObject)? = kind.make()
    weak let released = transport
    let task = Task { [transport] in try await transport?.send(request) }
    transport = nil
    while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    if isCancelled {
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    } else {
      gate.open()
      #expect(try await task.value?.body == Array("ok".utf8))
    }
    let end = ContinuousClock.now + .seconds(60)
    while released != nil, .now < end { try await Task.sleep(for: .milliseconds(5)) }
    #expect(released == nil)
  }
}
