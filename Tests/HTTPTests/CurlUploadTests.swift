import Foundation
import HTTP
import Synchronization
import TestServers
import TestSupport
import Testing

/// A request body that is written while it is sent, by libcurl's transport on a real socket.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct CurlUploadTests {
  private struct Mishap: Error {}

  private let transport = CurlTransport(connectTimeout: .seconds(60))

  private func request(_ server: LoopbackServer) throws -> HTTPRequest {
    HTTPRequest(
      method: .post, url: try server.url(),
      headers: ["Transfer-Encoding": "chunked", "Trailer": "X-End", "Content-Type": "text/plain"],
      timeout: .seconds(600))
  }

  @Test("Each write arrives before the next one is made, then the trailer")
  func chunksArriveAsTheyAreWritten() async throws {
    let (arrived, continuation) = AsyncStream.makeStream(of: BodyProgress.self)
    let server = try LoopbackServer { _, progress in
      continuation.yield(progress)
      return nil
    } answer: { request in
      Reply(202, text: "\(request.bodyLength)")
    }
    defer { server.stop() }
    let body = BodyStream()
    async let response = transport.send(try request(server), body: body)
    var progress = arrived.makeAsyncIterator()
    for text in ["one", "zwei ü", "3", String(repeating: "x", count: 16_000)] {
      try await body.write(Array(text.utf8))
      #expect(await progress.next() == .chunk(Array(text.utf8)))
    }
    body.finish(trailer: ["X-End": "a: b", "X-Other": "2"])
    #expect(await progress.next() == .end(isWhole: true))
    let (status, text) = (try await response.status, String(decoding: try await response.body, as: UTF8.self))
    #expect(status == 202)
    #expect(text == "16011")
    let recorded = try #require(server.requests.first)
    #expect(recorded.method == "POST")
    #expect(recorded.headers["Transfer-Encoding"] == "chunked")
    #expect(recorded.headers["Content-Length"] == nil)
    #expect(recorded.headers["Expect"] == nil)
    #expect(recorded.trailer == ["X-End": "a: b", "X-Other": "2"])
  }

  @Test("An empty body is one without chunks, with or without a trailer", arguments: [true, false])
  func emptyBody(hasTrailer: Bool) async throws {
    let server = try LoopbackServer { _ in Reply(202) }
    defer { server.stop() }
    let body = BodyStream()
    body.finish(trailer: hasTrailer ? ["X-End": "1"] : [:])
    #expect(try await transport.send(try request(server), body: body).status == 202)
    #expect(server.requests.first?.body == [])
    #expect(server.requests.first?.trailer == (hasTrailer ? ["X-End": "1"] : [:]))
  }

  @Test("Large and many small writes arrive byte for byte, each upload on a connection of its own")
  func largeBodies() async throws {
    let server = try LoopbackServer { _ in Reply(202) }
    defer { server.stop() }
    let large = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    for pieces in [[large], stride(from: 0, to: 300_000, by: 7).map { Array(large[$0..<min($0 + 7, 300_000)]) }] {
      let body = BodyStream()
      async let response = transport.send(try request(server), body: body)
      for piece in pieces { try await body.write(piece) }
      body.finish()
      #expect(try await response.status == 202)
      #expect(server.requests.last?.body == Array(pieces.joined()))
    }
    #expect(server.connectionCount == 2)
  }

  @Test("A writer waits while the server does not read, and continues when it does")
  func backpressure() async throws {
    let gate = DispatchSemaphore(value: 0)
    let isOpen = Mutex(false)
    let server = try LoopbackServer { _, _ in
      if !isOpen.withLock({ $0 }) { gate.wait() }
      return nil
    } answer: { _ in
      Reply(202)
    }
    defer { server.stop() }
    let body = BodyStream()
    async let response = transport.send(try request(server), body: body)
    let written = Mutex(0)
    let piece = [UInt8](repeating: 0x61, count: 65_536)
    async let writing: Void = {
      // More than the sockets' buffers hold on any system.
      for _ in 0..<1024 {
        try await body.write(piece)
        written.withLock { $0 += 1 }
      }
      body.finish()
    }()
    var (last, isStill) = (-1, 0)
    while isStill < 20 {
      try await Task.sleep(for: .milliseconds(10))
      let now = written.withLock { $0 }
      isStill = now == last ? isStill + 1 : 0
      last = now
    }
    #expect(last < 1024)
    isOpen.withLock { $0 = true }
    gate.signal()
    try await writing
    #expect(try await response.status == 202)
    #expect(server.requests.first?.bodyLength == 1024 * 65_536)
  }

  @Test("A response before the end of the body ends the request, paused or not", arguments: [400, 413, 500])
  func earlyResponse(status: Int) async throws {
    let server = try LoopbackServer { _, _ in
      Reply(status, text: "early")
    } answer: { _ in
      Reply(202)
    }
    defer { server.stop() }
    let body = BodyStream()
    async let response = transport.send(try request(server), body: body)
    // Nothing more is written: the transfer is paused when the response arrives.
    try await body.write([1])
    let (seen, text) = (try await response.status, String(decoding: try await response.body, as: UTF8.self))
    #expect(seen == status)
    #expect(text == "early")
  }

  @Test(
    "A connection that the server ends fails the request",
    arguments: [Reply.Fault.reset(after: 0), .close(after: 0), .reset(after: 20), .close(after: 20)])
  func lostConnection(fault: Reply.Fault) async throws {
    let server = try LoopbackServer { _, _ in
      Reply(202).with(fault)
    } answer: { _ in
      Reply(202)
    }
    defer { server.stop() }
    let body = BodyStream()
    let sending = Task { [request = try request(server)] in try await transport.send(request, body: body) }
    let writing = Task { while true { try await body.write([UInt8](repeating: 0, count: 1000)) } }
    let error = await #expect(throws: HTTPError.self) {
      do { _ = try await sending.value } catch {
        body.fail(error)
        throw error
      }
    }
    await #expect(throws: HTTPError.self) { try await writing.value }
    #expect([.connectionLost, .invalidResponse].contains(error?.reason))
  }

  @Test("A request whose body stalls ends by its timeout, and its writer gets the error")
  func timeout() async throws {
    let server = try LoopbackServer { _, _ in
      Reply(202).with(.stall)
    } answer: { _ in
      Reply(202)
    }
    defer { server.stop() }
    let body = BodyStream()
    var timed = try request(server)
    timed.timeout = .milliseconds(300)
    let sending = Task { [timed] in try await transport.send(timed, body: body) }
    let writing = Task { while true { try await body.write([UInt8](repeating: 0, count: 100_000)) } }
    let error = await #expect(throws: HTTPError.self) { _ = try await sending.value }
    #expect(error?.reason == .timedOut)
    body.fail(Mishap())
    await #expect(throws: Mishap.self) { try await writing.value }
  }

  @Test("Cancelling the request closes the connection in the middle of the body")
  func cancellation() async throws {
    let (arrived, continuation) = AsyncStream.makeStream(of: BodyProgress.self)
    let server = try LoopbackServer { _, progress in
      continuation.yield(progress)
      return nil
    } answer: { _ in
      Reply(202)
    }
    defer { server.stop() }
    let body = BodyStream()
    let sending = Task { [request = try request(server)] in try await transport.send(request, body: body) }
    try await body.write([1])
    var progress = arrived.makeAsyncIterator()
    #expect(await progress.next() == .chunk([1]))
    sending.cancel()
    await #expect(throws: CancellationError.self) { _ = try await sending.value }
    #expect(await progress.next() == .end(isWhole: false))
  }
}
