import HTTP
import Testing

@testable import RuntimeClient

struct HTTPRequestParserTests {
  private func steps(_ text: String) -> [HTTPRequestParser.Step] {
    var parser = HTTPRequestParser()
    parser.append(Array(text.utf8))
    return [parser.next(), parser.next()]
  }

  private func request(_ text: String) -> ServerRequest? {
    if case .request(let request) = steps(text).first { request } else { nil }
  }

  @Test("A request is read with its fields and body, and the next one on the connection after it")
  func persistent() {
    let steps = steps(
      "POST /a?b HTTP/1.1\r\nHost: h\r\nX-A: \t b c \r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n\r\n")
    let headers: HTTPHeaders = ["Host": "h", "X-A": "b c", "Content-Length": "2"]
    #expect(
      steps == [
        .request(ServerRequest(method: "POST", target: "/a?b", headers: headers, body: Array("{}".utf8))),
        .request(ServerRequest(method: "GET", target: "/", headers: [:], body: [])),
      ])
  }

  private static let chunked =
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n06\r\n world\r\n0\r\n\r\n"

  @Test(
    "Bytes that arrive one by one give the same request",
    arguments: [chunked, "POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\nhello world"])
  func oneByOne(text: String) throws {
    var parser = HTTPRequestParser()
    for byte in text.utf8.dropLast() {
      parser.append([byte])
      #expect(parser.next() == .needsBytes)
    }
    parser.append([try #require(text.utf8.last)])
    guard case .request(let request) = parser.next() else {
      Issue.record("no request")
      return
    }
    #expect(String(decoding: request.body, as: UTF8.self) == "hello world")
    #expect(parser.next() == .needsBytes)
  }

  @Test("A client that waits for 100 Continue is told once")
  func expectContinue() {
    let head = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    #expect(steps(head) == [.needsContinue, .needsBytes])
    #expect(request(head + "{}")?.body == Array("{}".utf8))
  }

  @Test("HTTP/1.0 has no persistent connection")
  func oldVersion() {
    #expect(request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")?.headers["Connection"] == "close")
  }

  @Test(
    "A malformed request is refused",
    arguments: [
      "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET / HTTP/1.1\r\nX\r\n\r\n",
      "GET / HTTP/1.1\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\n",
    ])
  func malformed(text: String) {
    guard case .failure(400, _) = steps(text).first else {
      Issue.record("not refused: \(text.debugDescription)")
      return
    }
  }

  @Test(
    "A body over 6 MiB is refused before it is read",
    arguments: [
      "Content-Length: 6291457\r\n\r\n", "Content-Length: 99999999999999999999\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n600001\r\n",
    ])
  func largeBody(rest: String) {
    guard case .failure(413, _) = steps("POST / HTTP/1.1\r\n\(rest)").first else {
      Issue.record("not refused")
      return
    }
  }

  @Test("A header block over 64 KiB is refused, whether its end has arrived or not", arguments: ["", "\r\n\r\n"])
  func largeHeader(end: String) {
    let text = "GET / HTTP/1.1\r\nX: \(String(repeating: "a", count: 65_536))\(end)"
    guard case .failure(431, _) = steps(text).first else {
      Issue.record("not refused")
      return
    }
  }
}
