import Foundation
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import RuntimeClient

/// Streamed responses of `--serve`, on a real socket.
@Suite(.ownThread, .timeLimit(.minutes(10)))
struct InvokeStreamTests {
  private func post(_ event: String, _ port: UInt16, version: String = "1.1") -> String {
    "POST \(InvokeAPI.path) HTTP/\(version)\r\nHost: localhost:\(port)\r\nContent-Length: \(event.utf8.count)\r\n\r\n"
      + event
  }

  @Test("Each write arrives as a chunk before the next one is made; the connection is used further")
  func chunks() async throws {
    let (turns, turn) = AsyncStream.makeStream(of: Void.self)
    let server = InvokeServerHarness(
      .streaming { event, response, _ in
        try response.setContentType("text/plain")
        var turns = turns.makeAsyncIterator()
        for text in ["first", "zweite ü", String(decoding: event, as: UTF8.self)] {
          try await response.write(text)
          await turns.next()
        }
      })
    let port = try await server.port
    let connection = try RawConnection(port)
    for event in ["1", "22"] {
      connection.send(post(event, port))
      let head = try #require(connection.receive(to: "\r\n\r\n"))
      #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"))
      #expect(head.contains("\r\nTransfer-Encoding: chunked\r\n"))
      #expect(!head.contains("Content-Length"))
      for chunk in ["5\r\nfirst\r\n", "9\r\nzweite ü\r\n", "\(event.count)\r\n\(event)\r\n"] {
        #expect(connection.receive(to: "\r\n").map { $0 + (connection.receive(to: "\r\n") ?? "") } == chunk)
        turn.yield()
      }
      #expect(connection.receive(to: "\r\n\r\n") == "0\r\n\r\n")
    }
    try await server.stop()
  }

  @Test("An HTTP response is the function's own, as from a function URL")
  func http() async throws {
    let server = InvokeServerHarness(
      .streaming { event, response, _ in
        try response.begin(
          status: event == Array("204".utf8) ? 204 : 404,
          headers: ["Content-Type": "text/html", "Content-Length": "7"], cookies: ["a=1", "b=2"])
        try await response.write("<p>")
      })
    let response = try await server.send(Array("1".utf8))
    #expect(response.status == 404)
    #expect(response.headers["Content-Type"] == "text/html")
    #expect(response.headers.fields.filter { $0.name == "Set-Cookie" }.map(\.value) == ["a=1", "b=2"])
    #expect(response.body == Array("<p>".utf8))
    // A response whose status allows no body has none, even if the function writes one.
    #expect(try await server.send(Array("204".utf8)).status == 204)
    #expect(try await server.send(Array("1".utf8)).body == Array("<p>".utf8))
    try await server.stop()
  }

  @Test("An error before the first byte is a function error; a later one is in the trailer")
  func errors() async throws {
    let server = InvokeServerHarness(
      .streaming { event, response, _ in
        if event != Array("1".utf8) { try await response.write("half") }
        throw FunctionError(type: "A", message: "m")
      })
    let early = try await server.send(Array("1".utf8))
    #expect(early.headers["X-Amz-Function-Error"] == "Unhandled")
    #expect(String(decoding: early.body, as: UTF8.self).contains(#""errorType":"A""#))
    let port = try await server.port
    let connection = try RawConnection(port)
    connection.send(post("2", port))
    _ = connection.receive(to: "4\r\nhalf\r\n")
    let end = try #require(connection.receive(to: "\r\n\r\n"))
    #expect(end.hasPrefix("0\r\nLambda-Runtime-Function-Error-Type: A\r\nLambda-Runtime-Function-Error-Body: "))
    try await server.stop()
  }

  @Test("A client of HTTP/1.0 gets the bytes without chunks, and the end of the connection")
  func http10() async throws {
    let server = InvokeServerHarness(
      .streaming { _, response, _ in
        for _ in 0..<3 { try await response.write("abc") }
      })
    let port = try await server.port
    let connection = try RawConnection(port)
    connection.send(post("1", port, version: "1.0"))
    let all = connection.receiveAll()
    #expect(all.hasSuffix("\r\n\r\nabcabcabc"))
    #expect(!all.contains("chunked"))
    try await server.stop()
  }

  @Test("20 MB arrive byte for byte, and a client that leaves ends the writes, not the server")
  func largeAndLost() async throws {
    let ended = Mutex(false)
    let server = InvokeServerHarness(
      .streaming { event, response, _ in
        do {
          for number in 0..<(event == Array("1".utf8) ? 320 : .max) {
            try await response.write([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 65_536))
          }
        } catch {
          ended.withLock { $0 = true }
          throw error
        }
      })
    let port = try await server.port
    let connection = try RawConnection(port)
    connection.send(post("2", port))
    _ = connection.receive(to: "\r\n\r\n")
    connection.close()
    while !ended.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(2)) }
    var request = HTTPRequest(method: .post, url: try await server.url, body: Array("1".utf8))
    request.maximumResponseBytes = 50_000_000
    let body = try await CurlTransport().send(request).body
    #expect(body.count == 320 * 65_536)
    #expect((0..<320).allSatisfy { body[$0 * 65_536] == UInt8(truncatingIfNeeded: $0) })
    try await server.stop()
  }
}
