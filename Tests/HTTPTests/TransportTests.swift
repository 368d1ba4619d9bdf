import Foundation
import HTTP
import TestServers
import TestSupport
import Testing

/// The transports of this build.
enum Transport: String, CaseIterable {
  case curl, socket
  #if !Lean
    case urlSession
  #endif

  /// URLSession's transport rejects a request with a body.
  var sendsBodies: Bool { rawValue != "urlSession" }
}

/// Requirements that every transport meets, through a real socket.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct TransportTests {
  private let curl = CurlTransport(connectTimeout: .seconds(60))
  private let socket = BodyTransport.socket.make()
  #if !Lean
    private let urlSession = URLSessionTransport()
  #endif

  private subscript(_ transport: Transport) -> any HTTPTransport {
    switch transport {
    case .curl: curl
    case .socket: socket
    #if !Lean
      case .urlSession: urlSession
    #endif
    }
  }

  @Test(
    "Sends method, target, header fields and body unchanged and returns the complete response",
    arguments: Transport.allCases)
  func exchange(transport: Transport) async throws {
    let server = try LoopbackServer { request in
      Reply(418, headers: ["X-Echo": request.headers["X-Test"] ?? ""], body: request.body)
    }
    defer { server.stop() }
    let body = transport.sendsBodies ? (0..<60_000).map { UInt8(truncatingIfNeeded: $0) } : []
    let response = try await self[transport].send(
      HTTPRequest(
        method: "PUT", url: try server.url("/prod/@connections/L0SM9cOFvHcCIhw%3D"),
        headers: ["X-Test": "a  b", "Content-Type": "application/octet-stream"], body: body))
    #expect(response.status == 418)
    #expect(response.headers["x-echo"] == "a  b")
    #expect(response.body == body)
    let request = try #require(server.requests.first)
    #expect(request.method == "PUT")
    #expect(request.target == "/prod/@connections/L0SM9cOFvHcCIhw%3D")
    #expect(request.body == body)
    #expect(request.headers["Content-Type"] == "application/octet-stream")
    #expect(request.headers["Expect"] == nil)
    #expect([nil, "identity"].contains(request.headers["Accept-Encoding"]))
  }

  @Test(
    "Transfers a body of 6 MiB, in one piece or in chunks", arguments: Transport.allCases, [false, true])
  func largeBodies(transport: Transport, chunked: Bool) async throws {
    let body = [UInt8](repeating: 0x61, count: 6_291_556)
    let server = try LoopbackServer { request in
      Reply(200, body: body, framing: chunked ? .chunked(10_000) : .contentLength)
    }
    defer { server.stop() }
    var request = HTTPRequest(
      method: transport.sendsBodies ? .post : .get, url: try server.url(), headers: ["Content-Type": "text/plain"],
      body: transport.sendsBodies ? body : [])
    request.maximumResponseBytes = body.count
    let response = try await self[transport].send(request)
    #expect(response.body == body)
    #expect(server.requests.first?.body == request.body)
  }

  @Test("Sequential requests share a connection", arguments: Transport.allCases)
  func keepAlive(transport: Transport) async throws {
    let server = try LoopbackServer { _ in Reply(200, text: "ok") }
    defer { server.stop() }
    for _ in 0..<10 { _ = try await self[transport].send(HTTPRequest(method: .get, url: try server.url())) }
    #expect(server.connectionCount == 1)
  }

  @Test(
    "A kept connection that the server closed is replaced, or reported as lost at once",
    arguments: Transport.allCases, [0, 20])
  func silentClose(transport: Transport, pause: Int) async throws {
    let server = try LoopbackServer { request in Reply(200, body: request.body).with(.closeWhenIdle) }
    defer { server.stop() }
    for round in 0..<50 {
      let body = Array("round \(round)".utf8)
      let request = HTTPRequest(
        method: transport.sendsBodies ? .post : .get, url: try server.url(), headers: ["Content-Type": "text/plain"],
        body: transport.sendsBodies ? body : [], timeout: .seconds(60))
      do {
        #expect(try await self[transport].send(request).body == request.body)
      } catch let error as HTTPError {
        #expect(error.reason == .connectionLost)
        #expect(try await self[transport].send(request).body == request.body)
      }
      try await Task.sleep(for: .milliseconds(pause))
    }
  }

  @Test("A redirect is returned as the response, not followed", arguments: Transport.allCases)
  func redirect(transport: Transport) async throws {
    let server = try LoopbackServer { request in
      request.target == "/" ? Reply(307, headers: ["Location": "/elsewhere"], text: "go") : Reply(200)
    }
    defer { server.stop() }
    let response = try await self[transport].send(HTTPRequest(method: .get, url: try server.url()))
    #expect(response.status == 307)
    #expect(response.headers["Location"] == "/elsewhere")
    #expect(server.requests.count == 1)
  }

  @Test("Cookies are not stored", arguments: Transport.allCases)
  func cookies(transport: Transport) async throws {
    let server = try LoopbackServer { _ in Reply(200, headers: ["Set-Cookie": "a=b; Path=/"]) }
    defer { server.stop() }
    for _ in 0..<2 { _ = try await self[transport].send(HTTPRequest(method: .get, url: try server.url())) }
    #expect(server.requests.last?.headers["Cookie"] == nil)
  }

  @Test(
    "The timeout covers the complete exchange", arguments: Transport.allCases,
    [Reply.Fault.stall, .trickle(bytes: 1, pause: .milliseconds(200))])
  func timeout(transport: Transport, fault: Reply.Fault) async throws {
    let server = try LoopbackServer { _ in Reply(200, text: "slow, slow, slow, slow").with(fault) }
    defer { server.stop() }
    let error = await #expect(throws: HTTPError.self) {
      try await self[transport].send(
        HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(3)))
    }
    #expect(error?.reason == .timedOut)
  }

  @Test("Without a timeout, a slow response is awaited", arguments: Transport.allCases)
  func noTimeout(transport: Transport) async throws {
    let server = try LoopbackServer { _ in
      Reply(200, text: "slow").with(.trickle(bytes: 5, pause: .milliseconds(60)))
    }
    defer { server.stop() }
    let response = try await self[transport].send(HTTPRequest(method: .get, url: try server.url()))
    #expect(response.body == Array("slow".utf8))
  }

  @Test("Cancelling the task ends the request", arguments: Transport.allCases)
  func cancellation(transport: Transport) async throws {
    let server = try LoopbackServer { _ in Reply(200).with(.stall) }
    defer { server.stop() }
    let request = HTTPRequest(method: .get, url: try server.url())
    let task = Task { try await self[transport].send(request) }
    while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test("A task that is cancelled before it sends ends", arguments: Transport.allCases)
  func earlyCancellation(transport: Transport) async throws {
    let server = try LoopbackServer { _ in Reply(200).with(.stall) }
    defer { server.stop() }
    let request = HTTPRequest(method: .get, url: try server.url())
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await self[transport].send(request)
    }
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test(
    "An incomplete response is an error", arguments: Transport.allCases,
    [
      Reply.Fault.reset(after: 0), .reset(after: 10), .reset(after: 60), .reset(after: 1000), .close(after: 0),
      .close(after: 10), .close(after: 1000),
    ])
  func incompleteResponses(transport: Transport, fault: Reply.Fault) async throws {
    let server = try LoopbackServer { _ in
      Reply(200, headers: ["Content-Type": "text/plain"], text: String(repeating: "x", count: 5000)).with(fault)
    }
    defer { server.stop() }
    await #expect(throws: HTTPError.self) {
      try await self[transport].send(HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(60)))
    }
  }

  @Test(
    "libcurl's transport and that on sockets report a connection that ends within the header block",
    arguments: BodyTransport.allCases, [1, 17, 25, 30, 38, 39])
  func closeWithinHeaders(transport: BodyTransport, count: Int) async throws {
    // The header block has 40 bytes: 21 for the status line, 17 for the field, 2 for the empty line.
    let server = try LoopbackServer { _ in Reply(200, text: "").with(.close(after: count)) }
    defer { server.stop() }
    let error = await #expect(throws: HTTPError.self) {
      try await transport.make().send(HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(60)))
    }
    #expect([.connectionLost, .invalidResponse].contains(error?.reason))
  }

  @Test("401 and 407 responses are returned like any other", arguments: Transport.allCases, [401, 407])
  func challenges(transport: Transport, status: Int) async throws {
    let server = try LoopbackServer { _ in
      Reply(status, headers: ["WWW-Authenticate": "Basic realm=\"x\"", "Proxy-Authenticate": "Basic"], text: "who?")
    }
    defer { server.stop() }
    let response = try await self[transport].send(HTTPRequest(method: .get, url: try server.url()))
    #expect(response.status == status)
    #expect(server.requests.count == 1)
  }

  @Test(
    "Bytes that are not HTTP are an error, not a crash", arguments: Transport.allCases,
    [
      "nonsense\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
      "\0\0\0\0",
    ])
  func notHTTP(transport: Transport, answer: String) async throws {
    let server = try LoopbackServer { _ in .raw(answer) }
    defer { server.stop() }
    await #expect(throws: HTTPError.self) {
      try await self[transport].send(HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(60)))
    }
  }

  @Test("The error for a refused connection names the request without its query", arguments: Transport.allCases)
  func refused(transport: Transport) async throws {
    let server = try LoopbackServer { _ in Reply(200) }
    let target = try server.url("/path?secret=1")
    server.stop()
    try await Task.sleep(for: .milliseconds(50))
    let error = await #expect(throws: HTTPError.self) {
      try await self[transport].send(HTTPRequest(method: .get, url: target, timeout: .seconds(60)))
    }
    #expect(error?.reason == .cannotConnect)
    #expect(error?.description.contains("GET http://\(server.address)/path:") == true)
    #expect(error?.description.contains("secret") == false)
  }

  @Test("An unknown host is reported as such", arguments: Transport.allCases)
  func unknownHost(transport: Transport) async throws {
    let error = await #expect(throws: HTTPError.self) {
      try await self[transport].send(
        HTTPRequest(method: .get, url: try #require(URL(string: "http://no-such-host.invalid/")), timeout: .seconds(60))
      )
    }
    #expect(error?.reason == .nameNotResolved)
  }

  @Test("An invalid request is rejected before anything is sent", arguments: Transport.allCases)
  func invalidRequests(transport: Transport) async throws {
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    let requests = [
      HTTPRequest(method: .get, url: try server.url(), headers: ["X-A": "a\r\nX-B: b"]),
      HTTPRequest(method: .get, url: try server.url(), headers: ["X A": "a"]),
      HTTPRequest(method: "GET / HTTP/1.1\r\n", url: try server.url()),
      HTTPRequest(method: .get, url: try #require(URL(string: "file:///etc/passwd"))),
      HTTPRequest(method: .get, url: try #require(URL(string: "relative"))),
    ]
    for request in requests {
      let error = await #expect(throws: HTTPError.self) { try await self[transport].send(request) }
      #expect(error?.reason == .invalidRequest)
    }
    #expect(server.requests.isEmpty)
  }

  @Test("1,000 concurrent requests each get their own response", arguments: Transport.allCases)
  func concurrency(transport: Transport) async throws {
    let server = try LoopbackServer { Reply(200, text: $0.target) }
    defer { server.stop() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<1000 {
        group.addTask {
          let response = try await self[transport].send(HTTPRequest(method: .get, url: try server.url("/\(number)")))
          #expect(response.body == Array("/\(number)".utf8))
        }
      }
      try await group.waitForAll()
    }
  }
}
