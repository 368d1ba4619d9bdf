#if !Lean
  import EventLoop
  import Foundation
  import HTTP
  import TestServers
  import Testing

  /// The properties of URLSession's transport that libcurl's does not share.
  @Suite(.ownLoop, .timeLimit(.minutes(30)))
  struct URLSessionTransportTests {
    private func send(_ answer: Reply, maximumResponseBytes: Int = 1000) async throws -> HTTPResponse {
      let server = try LoopbackServer { _ in answer }
      defer { server.stop() }
      var request = HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(30))
      request.maximumResponseBytes = maximumResponseBytes
      return try await URLSessionTransport().send(request)
    }

    @Test("Refuses a request with a body, and sends nothing")
    func requestBody() async throws {
      let server = try LoopbackServer { _ in Reply(200) }
      defer { server.stop() }
      let request = HTTPRequest(method: .post, url: try server.url(), body: [1])
      let error = await #expect(throws: HTTPError.self) { try await URLSessionTransport().send(request) }
      #expect(error?.reason == .invalidRequest)
      #expect(server.requests.isEmpty)
    }

    @Test(
      "A request that ends while it is cancelled does not deadlock", .timeLimit(.minutes(5)),
      arguments: [Reply(200), Reply(200).with(.reset(after: 0))])
    func cancellationAtEnd(answer: Reply) async throws {
      let server = try LoopbackServer { _ in answer }
      defer { server.stop() }
      let transport = URLSessionTransport()
      let request = HTTPRequest(method: .get, url: try server.url())
      for round in 0..<200 {
        let task = Task { try await transport.send(request) }
        try await EventLoop.sleep(for: .microseconds(round * 20))
        task.cancel()
        _ = await task.result
      }
    }

    @Test("Accepts a response body of exactly the limit", arguments: [Reply.Framing.contentLength, .chunked(300)])
    func bodyAtLimit(framing: Reply.Framing) async throws {
      let body = [UInt8](repeating: 0x20, count: 1000)
      #expect(try await send(Reply(200, body: body, framing: framing)).body == body)
    }

    @Test(
      "Refuses a larger response body", arguments: [Reply.Framing.contentLength, .chunked(300)], [1001, 3_000_000])
    func bodyOverLimit(framing: Reply.Framing, count: Int) async throws {
      let answer = Reply(200, body: [UInt8](repeating: 0x20, count: count), framing: framing)
      let error = await #expect(throws: HTTPError.self) { try await send(answer) }
      #expect(error?.reason == .responseTooLarge)
    }

    @Test("Stops reading a body that never ends", arguments: [200, 401, 500])
    func endlessBody(status: Int) async throws {
      // Without the limit, this would take 100 s.
      let answer = Reply(status, body: [UInt8](repeating: 0x20, count: 1_000_000), framing: .chunked(1000))
        .with(.trickle(bytes: 10_000, pause: .seconds(1)))
      let error = await #expect(throws: HTTPError.self) { try await send(answer, maximumResponseBytes: 20_000) }
      #expect(error?.reason == .responseTooLarge)
    }

    @Test("Trims the white space around a field's value", arguments: ["a b", "a b ", "a b \t ", " \t a b\t"])
    func blanks(value: String) async throws {
      let response = try await send(.raw("HTTP/1.1 200 OK\r\nX-A: \(value)\r\nContent-Length: 0\r\n\r\n"))
      #expect(response.headers["X-A"] == "a b")
    }

    @Test(
      "An unreadable response is an invalid response, not a lost connection",
      arguments: ["X-A:b", "X-A : b", "no colon", "X-A: a\0b"])
    func unreadable(line: String) async throws {
      let answer = Reply.raw("HTTP/1.1 200 OK\r\n\(line)\r\nContent-Length: 0\r\n\r\n")
      let error = await #expect(throws: HTTPError.self) { try await send(answer) }
      #expect(error?.reason == .invalidResponse)
    }

    @Test(
      "A connection that ends within the body, or before the first byte, is lost",
      arguments: [Reply.Fault.close(after: 0), .close(after: 1000), .reset(after: 1000), .reset(after: 0)])
    func lost(fault: Reply.Fault) async throws {
      let answer = Reply(200, body: [UInt8](repeating: 0x20, count: 5000)).with(fault)
      let error = await #expect(throws: HTTPError.self) { try await send(answer, maximumResponseBytes: 5000) }
      #expect(error?.reason == .connectionLost)
    }
  }
#endif
