import EventLoop
import Foundation
import HTTP
import Synchronization
import TestServers
import TestSupport
import Testing

/// Properties of the transport on sockets that the other transports do not share.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct SocketTransportTests {
  private let transport = SocketTransport(connectTimeout: .seconds(60))

  @Test(
    "A request on a kept connection that ends without a byte is repeated once, on a new connection, with its body",
    arguments: [Reply.Fault.close(after: 0), .reset(after: 0)], [0, 10, 3_000_000])
  func repeated(fault: Reply.Fault, size: Int) async throws {
    let server = try LoopbackServer { request in
      let reply = Reply(200, text: "\(request.connection)")
      return request.target == "/lost" && request.connection == 1 ? reply.with(fault) : reply
    }
    defer { server.stop() }
    _ = try await transport.send(HTTPRequest(method: .get, url: try server.url()))
    let body = [UInt8](repeating: 0x61, count: size)
    let response = try await transport.send(
      HTTPRequest(method: .post, url: try server.url("/lost"), body: body, timeout: .seconds(60)))
    #expect(response.body == Array("2".utf8))
    #expect(server.requests.map(\.connection) == [1, 1, 2])
    #expect(server.requests.suffix(2).allSatisfy { $0.body == body })
  }

  @Test(
    "A request is not repeated twice, nor after a byte of the response",
    arguments: [(Reply.Fault.close(after: 0), 2), (.reset(after: 0), 2), (.close(after: 1), 1), (.reset(after: 1), 1)])
  func notRepeated(fault: Reply.Fault, attempts: Int) async throws {
    let server = try LoopbackServer { $0.target == "/lost" ? Reply(200).with(fault) : Reply(200) }
    defer { server.stop() }
    _ = try await transport.send(HTTPRequest(method: .get, url: try server.url()))
    let error = await #expect(throws: HTTPError.self) {
      try await transport.send(
        HTTPRequest(method: .post, url: try server.url("/lost"), body: [1], timeout: .seconds(60)))
    }
    #expect(error?.reason == .connectionLost)
    #expect(server.requests.filter { $0.target == "/lost" }.count == attempts)
  }

  @Test("A request that cannot be repeated may have been served, so it does not fail with cannotConnect")
  func cannotRepeat() async throws {
    let stop = Mutex<(@Sendable () -> Void)?>(nil)
    let server = try LoopbackServer { request in
      if request.target == "/lost" { stop.withLock { $0 }?() }
      return Reply(200).with(request.target == "/lost" ? .close(after: 0) : .trickle(bytes: 100, pause: .zero))
    }
    stop.withLock { $0 = { server.stop() } }
    _ = try await transport.send(HTTPRequest(method: .get, url: try server.url()))
    let error = await #expect(throws: HTTPError.self) {
      try await transport.send(HTTPRequest(method: .get, url: try server.url("/lost"), timeout: .seconds(60)))
    }
    #expect(error?.reason == .connectionLost)
    stop.withLock { $0 = nil }
  }

  @Test("Bytes that no request asked for are not the response to the next request", arguments: [false, true])
  func unsolicited(isSeparate: Bool) async throws {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    let server = try LoopbackServer { request in
      guard request.connection == 1 else { return Reply(200, text: "own") }
      return Reply.raw(answer + "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        .with(.trickle(bytes: isSeparate ? answer.utf8.count : 1000, pause: .milliseconds(50)))
    }
    defer { server.stop() }
    let request = HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(60))
    #expect(try await transport.send(request).body == Array("ok".utf8))
    try await EventLoop.sleep(for: .milliseconds(500))
    #expect(try await transport.send(request).body == Array("own".utf8))
  }

  @Test("A response that comes before the request is sent ends the request")
  func early() async throws {
    let (listener, port) = try Socket.listen()
    defer { Socket.close(listener) }
    Thread.detachNewThread {
      let descriptor = accept(listener, nil, nil)
      _ = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno".withCString { write(descriptor, $0, strlen($0)) }
      // Reads nothing: the request's body can never be sent.
      var byte: UInt8 = 0
      while recv(descriptor, &byte, 1, Int32(MSG_PEEK)) > 0 { usleep(10_000) }
      Socket.close(descriptor)
    }
    let url = try #require(URL(string: "http://127.0.0.1:\(port)/"))
    let body = [UInt8](repeating: 0x61, count: 50_000_000)
    let response = try await transport.send(
      HTTPRequest(method: .post, url: url, body: body, timeout: .seconds(60)))
    #expect(response.status == 413)
    #expect(response.body == Array("no".utf8))
  }

  @Test("Connections to several servers are kept side by side up to the limit; then the oldest makes room")
  func limitedIdle() async throws {
    let servers = try (0..<3).map { _ in try LoopbackServer { _ in Reply(200) } }
    defer { for server in servers { server.stop() } }
    for (limit, connections) in [(3, 1), (2, 3)] {
      let transport = SocketTransport(maximumConnections: limit)
      let before = servers.map(\.connectionCount)
      for _ in 0..<3 {
        for server in servers { _ = try await transport.send(HTTPRequest(method: .get, url: try server.url())) }
      }
      #expect(zip(servers, before).allSatisfy { $0.connectionCount - $1 == connections })
    }
  }

  @Test(
    "What it cannot send is refused before anything is sent",
    arguments: [
      ("https", "127.0.0.1:PORT", [:], .invalidRequest), ("http", "127.0.0.1:PORT0", [:], .invalidRequest),
      ("http", "127.0.0.1:0", [:], .invalidRequest), ("http", "127.0.0.1:+80", [:], .invalidRequest),
      ("http", "127.0.0.1:x", [:], .invalidRequest), ("http", "[::1]x:80", [:], .invalidRequest),
      ("http", "[127.0.0.1]:PORT", [:], .invalidRequest), ("http", "127.0.0.1:PORT:1", [:], .invalidRequest),
      ("http", "127.0.0.1:PORT", ["Content-Length": "0"], .invalidRequest),
      ("http", "127.0.0.1:PORT", ["transfer-encoding": "chunked"], .invalidRequest),
      ("http", "localhost:PORT", [:], .nameNotResolved), ("http", "example.com", [:], .nameNotResolved),
      ("http", "[fe80::1%25lo]:PORT", [:], .nameNotResolved),
    ] as [(String, String, HTTPHeaders, HTTPError.Reason)])
  func refused(scheme: String, authority: String, headers: HTTPHeaders, reason: HTTPError.Reason) async throws {
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    let request = HTTPRequest(
      method: .post, scheme: scheme, authority: authority.replacing("PORT", with: "\(server.port)"), path: "/",
      headers: headers, body: [1], timeout: .seconds(60))
    let error = await #expect(throws: HTTPError.self) { try await transport.send(request) }
    #expect(error?.reason == reason)
    #expect(server.connectionCount == 0)
  }

  @Test("A request that waits for a free connection can be cancelled, and the next one gets its turn")
  func cancelWhileWaiting() async throws {
    let isOpen = Atomic(false)
    let server = try LoopbackServer { _ in
      while !isOpen.load(ordering: .sequentiallyConsistent) { usleep(2000) }
      return Reply(200)
    }
    defer { server.stop() }
    let transport = SocketTransport(maximumConnections: 2)
    let request = HTTPRequest(method: .get, url: try server.url())
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<2 { group.addTask { _ = try await transport.send(request) } }
      while server.requests.count < 2 { try await EventLoop.sleep(for: .milliseconds(5)) }
      let cancelled = Task { try await transport.send(request) }
      for _ in 0..<3 { group.addTask { _ = try await transport.send(request) } }
      try await EventLoop.sleep(for: .milliseconds(50))
      cancelled.cancel()
      await #expect(throws: CancellationError.self) { try await cancelled.value }
      isOpen.store(true, ordering: .sequentiallyConsistent)
      try await group.waitForAll()
    }
    #expect(server.requests.count == 5)
    #expect(server.connectionCount == 2)
  }

  @Test("Requests that fail at once while others wait let those begin")
  func failuresWhileWaiting() async throws {
    let isOpen = Atomic(false)
    let server = try LoopbackServer { _ in
      while !isOpen.load(ordering: .sequentiallyConsistent) { usleep(2000) }
      return Reply(200)
    }
    defer { server.stop() }
    let transport = SocketTransport(maximumConnections: 1)
    let request = HTTPRequest(method: .get, url: try server.url())
    let unsendable = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/")
    try await withThrowingTaskGroup(of: Int?.self) { group in
      group.addTask { try await transport.send(request).status }
      while server.requests.isEmpty { try await EventLoop.sleep(for: .milliseconds(5)) }
      for _ in 0..<500 { group.addTask { try? await transport.send(unsendable).status } }
      group.addTask { try await transport.send(request).status }
      try await EventLoop.sleep(for: .milliseconds(50))
      isOpen.store(true, ordering: .sequentiallyConsistent)
      let statuses = try await group.reduce(into: []) { $0.append($1) }
      #expect(statuses.filter { $0 == 200 }.count == 2)
      #expect(statuses.count == 502)
    }
    #expect(server.requests.count == 2)
  }
}
