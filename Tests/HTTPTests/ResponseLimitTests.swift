import HTTP
import TestServers
import TestSupport
import Testing

/// The limits for responses.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct ResponseLimitTests {
  private static let framings = [
    "Content-Length: 100000000", "Transfer-Encoding: chunked", "Connection: close",
  ]

  /// Expects a refusal of a response that starts with this text and repeats a piece, for 5 MB.
  private func expectRefusal(
    _ text: String, repeating piece: String, limit: Int? = nil, reasons: [HTTPError.Reason] = [.responseTooLarge]
  ) async throws {
    let block = String(repeating: piece, count: 1 + 100_000 / piece.utf8.count).replacing("\n", with: "\r\n")
    let start = text.replacing("\n", with: "\r\n")
    for kind in BodyTransport.allCases {
      let transport = kind.make()
      let server = try LoopbackServer { _ in
        Reply.raw(start + String(repeating: block, count: 50))
      }
      defer { server.stop() }
      var request = HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(60))
      if let limit { request.maximumResponseBytes = limit }
      for attempt in 1...2 {
        let error = await #expect(throws: HTTPError.self) { try await transport.send(request) }
        #expect(reasons.contains { $0 == error?.reason })
        #expect(server.connectionCount == attempt)
      }
    }
  }

  @Test("A body over the limit is refused with each framing", arguments: framings, [nil, 0, 1, 1_000_000])
  func body(framing: String, limit: Int?) async throws {
    let chunk = framing.hasPrefix("Transfer") ? "400\n\(String(repeating: "x", count: 1024))\n" : "xxxxxxxx"
    try await expectRefusal("HTTP/1.1 200 OK\n\(framing)\n\n", repeating: chunk, limit: limit)
  }

  @Test("A body of exactly the limit is accepted", arguments: [0, 1, 65_536, 3_000_000], [false, true])
  func exactly(size: Int, isChunked: Bool) async throws {
    let body = [UInt8](repeating: 0x61, count: size)
    let server = try LoopbackServer { _ in Reply(200, body: body, framing: isChunked ? .chunked(1000) : .contentLength)
    }
    defer { server.stop() }
    for kind in BodyTransport.allCases {
      let transport = kind.make()
      var request = HTTPRequest(method: .get, url: try server.url())
      request.maximumResponseBytes = size
      #expect(try await transport.send(request).body == body)
      guard size > 0 else { continue }
      request.maximumResponseBytes = size - 1
      let error = await #expect(throws: HTTPError.self) { try await transport.send(request) }
      #expect(error?.reason == .responseTooLarge)
      #expect(error?.description.contains("the body exceeds \(size - 1) bytes") == true)
    }
  }

  @Test(
    "A header block over the limit is refused, in one field line, in many, in interim responses or in a trailer",
    arguments: [
      ("HTTP/1.1 200 OK\nX-A: ", "x"), ("HTTP/1.1 200 OK\n", "X-A: 1\n"), ("", "HTTP/1.1 103 Early Hints\nLink: a\n\n"),
      ("", "HTTP/1.1 100 Continue\n\n"), ("HTTP/1.1 200 OK\nX-A: a\n", " folded\n"), ("HTTP/1.1 200 ", "reason "),
      ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nx\n0\n", "X-A: 1\n"),
    ])
  func headers(start: String, piece: String) async throws {
    try await expectRefusal(start, repeating: piece)
  }

  @Test("A trailer of one endless field line is refused, which libcurl 7.88 reports as a receive error")
  func trailerLine() async throws {
    try await expectRefusal(
      "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nx\n0\nX-A: ", repeating: "x",
      reasons: [.responseTooLarge, .connectionLost])
  }
}
