import Foundation
import HTTP
import TestServers
import TestSupport
import Testing

/// Responses as the transports parse them: libcurl's and that on sockets agree.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct ResponseTests {
  private let transports = BodyTransport.allCases.map { $0.make() }

  /// The response to a request that the server answers with these bytes, in pieces of this size.
  private func response(_ raw: String, piece: Int = .max) async throws -> HTTPResponse {
    let raw = raw.replacing("\n", with: "\r\n")
    let server = try LoopbackServer { _ in
      piece == .max ? .raw(raw) : Reply.raw(raw).with(.trickle(bytes: piece, pause: .microseconds(10)))
    }
    defer { server.stop() }
    let request = HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(60))
    var responses: [HTTPResponse] = []
    var errors: [HTTPError] = []
    for transport in transports {
      do {
        responses.append(try await transport.send(request))
      } catch let error as HTTPError {
        errors.append(error)
      }
    }
    #expect(responses.isEmpty || errors.isEmpty)
    #expect(responses.allSatisfy { $0 == responses.first } && errors.allSatisfy { $0.reason == errors.first?.reason })
    if let error = errors.first { throw error }
    return try #require(responses.first)
  }

  /// The sizes of the pieces in which a response arrives.
  private static let pieces = [1, 7, Int.max]

  @Test("Interim responses and their fields are skipped", arguments: pieces)
  func interim(piece: Int) async throws {
    let response = try await response(
      """
      HTTP/1.1 100 Continue

      HTTP/1.1 103 Early Hints
      Link: </style.css>
      X-A: interim

      HTTP/1.1 201 Created
      X-A: final
      Content-Length: 2

      ok
      """, piece: piece)
    #expect(response.status == 201)
    #expect(response.headers == ["X-A": "final", "Content-Length": "2"])
    #expect(response.body == Array("ok".utf8))
  }

  @Test("A connection that ends after an interim response is lost")
  func interimOnly() async throws {
    let error = await #expect(throws: HTTPError.self) { try await response("HTTP/1.1 103 Early Hints\nLink: a\n\n") }
    #expect(error?.reason == .connectionLost)
  }

  @Test("Trailer fields are not header fields", arguments: pieces)
  func trailer(piece: Int) async throws {
    let response = try await response(
      """
      HTTP/1.1 200 OK
      Transfer-Encoding: chunked
      X-A: head

      2;extension=1
      ok
      1
      !
      0
      X-A: trailer
      X-B: trailer


      """, piece: piece)
    #expect(response.body == Array("ok!".utf8))
    #expect(response.headers == ["Transfer-Encoding": "chunked", "X-A": "head"])
  }

  @Test("A folded field has one value (obs-fold)", arguments: pieces)
  func folded(piece: Int) async throws {
    let response = try await response(
      "HTTP/1.1 200 OK\nX-A: one\n two\n\t three: 3 \nX-B: \n b\nX-C: c\nContent-Length: 0\n\n", piece: piece)
    #expect(response.headers == ["X-A": "one two three: 3", "X-B": "b", "X-C": "c", "Content-Length": "0"])
  }

  @Test("Fields that are not UTF-8 are repaired", arguments: pieces)
  func notUTF8(piece: Int) async throws {
    let bytes = Array("HTTP/1.1 200 OK\r\nX-A: a".utf8) + [0xFF, 0xE4] + Array("b\r\nContent-Length: 0\r\n\r\n".utf8)
    let reply = Reply(200, raw: bytes)
    let server = try LoopbackServer { _ in
      piece == .max ? reply : reply.with(.trickle(bytes: piece, pause: .microseconds(10)))
    }
    defer { server.stop() }
    for transport in transports {
      let response = try await transport.send(HTTPRequest(method: .get, url: try server.url(), timeout: .seconds(60)))
      #expect(response.headers["X-A"] == "a\u{FFFD}\u{FFFD}b")
    }
  }

  @Test(
    "Bytes that are no response have the same reason",
    arguments: [
      "nonsense\n\n", "HTTP/1.1 abc\n\n", "HTTP/1.1 200 OK\nContent-Length: x\n\n", "\0\0\0\0",
      "HTTP/1.1 200 OK\nX-A: a\0b\n\n",
    ])
  func invalid(raw: String) async throws {
    let error = await #expect(throws: HTTPError.self) { try await response(raw) }
    #expect(error?.reason == .invalidResponse)
  }

  @Test("Fields keep their order, repetitions and values", arguments: pieces)
  func fields(piece: Int) async throws {
    let response = try await response(
      "HTTP/1.1 200\nSet-Cookie: b=2\nX-A:1\nset-cookie: a=1; Path=/\nX-B:  a:b \t\nX-Empty:\nContent-Length: 0\n\n",
      piece: piece)
    let expected = [
      ["Set-Cookie", "b=2"], ["X-A", "1"], ["set-cookie", "a=1; Path=/"], ["X-B", "a:b"], ["X-Empty", ""],
      ["Content-Length", "0"],
    ]
    #expect(response.headers.fields.map { [$0.name, $0.value] } == expected)
  }

  @Test("A header block of 60,000 bytes is complete")
  func largeHeaders() async throws {
    let long = String(repeating: "x", count: 50_000)
    let many = (0..<700).map { "X-\($0): \($0)\n" }.joined()
    let response = try await response("HTTP/1.1 200 OK\nX-Long: \(long)\n\(many)Content-Length: 0\n\n")
    #expect(response.headers.fields.count == 702)
    #expect(response.headers["X-Long"] == long)
    #expect(response.headers["X-699"] == "699")
  }

  @Test(
    "A body without a length ends with the connection", arguments: ["1.0", "1.1"], ["", "Content-Type: text/plain\n"])
  func untilClose(version: String, field: String) async throws {
    let response = try await response("HTTP/\(version) 200 OK\n\(field)\nbody\nand more")
    #expect(response.status == 200)
    #expect(response.body == Array("body\r\nand more".utf8))
  }

  @Test("An HTTP/1.0 response is accepted, and its connection is not reused")
  func oldVersion() async throws {
    let server = try LoopbackServer { _ in
      Reply.raw("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok").with(.trickle(bytes: 100, pause: .zero))
    }
    defer { server.stop() }
    for transport in transports {
      for _ in 0..<2 {
        #expect(try await transport.send(HTTPRequest(method: .get, url: try server.url())).body == Array("ok".utf8))
      }
    }
    #expect(server.connectionCount == 2 * transports.count)
  }

  @Test("204 and 304 responses have no body, even with a length", arguments: [204, 304])
  func bodilessStatus(status: Int) async throws {
    let server = try LoopbackServer { request in
      request.target == "/none" ? Reply(status, headers: ["Content-Length": "5"]) : Reply(200, text: "12345")
    }
    defer { server.stop() }
    for transport in transports {
      for target in ["/none", "/some", "/none"] {
        let response = try await transport.send(
          HTTPRequest(method: .get, url: try server.url(target), timeout: .seconds(60)))
        #expect(response.body.count == (target == "/none" ? 0 : 5))
      }
    }
    #expect(server.connectionCount == transports.count)
  }
}
