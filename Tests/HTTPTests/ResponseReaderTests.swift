import TestServers
import Testing

@testable import HTTP

/// The reader of responses, without a connection.
struct ResponseReaderTests {
  /// The outcome of a reader, once it has all bytes.
  enum Outcome: Equatable {
    case response(HTTPResponse, bytes: Int, keepsConnection: Bool)
    case failure(ResponseReader.Failure)
  }

  /// Reads bytes in pieces, and then the end of the connection.
  ///
  /// - Parameter piece: Returns the size of each next piece.
  static func outcome(
    _ bytes: [UInt8], method: HTTPMethod = .get, maximum: Int = HTTPRequest.defaultMaximumResponseBytes,
    piece: () -> Int = { .max }
  ) -> Outcome {
    var request = HTTPRequest(method: method, scheme: "http", authority: "127.0.0.1", path: "/")
    request.maximumResponseBytes = maximum
    var reader = ResponseReader(of: request)
    var read = 0
    do throws(ResponseReader.Failure) {
      while read < bytes.count, reader.response == nil {
        let piece = Array(bytes[read..<min(bytes.count, read + min(piece(), bytes.count))])
        var failure: ResponseReader.Failure?
        piece.withUnsafeBytes { piece in
          do throws(ResponseReader.Failure) { read += try reader.read(piece) } catch { failure = error }
        }
        if let failure { throw failure }
      }
      try reader.end()
    } catch {
      return .failure(error)
    }
    guard let response = reader.response else {
      return .failure(ResponseReader.Failure(reason: .other, detail: "no response at the end"))
    }
    return .response(response, bytes: read, keepsConnection: reader.keepsConnection)
  }

  private func outcome(_ text: String, method: HTTPMethod = .get, maximum: Int = 1000) -> Outcome {
    Self.outcome(Array(text.replacing("\n", with: "\r\n").utf8), method: method, maximum: maximum)
  }

  @Test(
    "A response ends with its body; what follows belongs to no response",
    arguments: [
      ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok", true), ("HTTP/1.1 200 OK\ncontent-length:2\n\nok", "ok", true),
      ("HTTP/1.1 202\nContent-Length: 0\n\n", "", true), ("HTTP/1.1 202 \nContent-Length: 00\n\n", "", true),
      ("HTTP/1.1 200 OK\nTransfer-Encoding: Chunked\n\n1\no\n001 ;a=\"b\"\nk\n0\n\n", "ok", true),
      (
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\na\n0123456789\nB;x\n01234567890\n0;y\nX-A: 1\nX-B:\n\n",
        "012345678901234567890", true
      ),
      ("HTTP/1.1 204 No Content\nContent-Length: 5\n\n", "", true), ("HTTP/1.1 304 x\n\n", "", true),
      ("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early\nLink: a\n\nHTTP/1.1 200 OK\nContent-Length: 1\n\na", "a", true),
      ("HTTP/1.0 200 OK\nContent-Length: 2\n\nok", "ok", false),
      ("HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 2\n\nok", "ok", false),
      ("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 2\n\nok", "ok", false),
      ("HTTP/1.1 200 OK\nConnection: x, Close\nContent-Length: 2\n\nok", "ok", false),
      ("HTTP/1.1 200 OK\nConnection: x\nConnection: close\nContent-Length: 2\n\nok", "ok", false),
      ("HTTP/1.1 200 OK\nConnection: closed\nContent-Length: 2\n\nok", "ok", true),
    ])
  func delimited(text: String, body: String, keepsConnection: Bool) {
    for rest in ["", "HTTP/1.1 500 Next\n\n"] {
      guard case .response(let response, let bytes, let isKept) = outcome(text + rest) else {
        Issue.record("no response: \(outcome(text))")
        return
      }
      #expect(response.body == Array(body.utf8))
      #expect(bytes == text.replacing("\n", with: "\r\n").utf8.count)
      #expect(isKept == keepsConnection)
    }
  }

  @Test("Without a length, the body ends with the connection", arguments: ["1.0", "1.1"])
  func untilClose(version: String) {
    let text = "HTTP/\(version) 200 OK\n\nbody"
    #expect(
      outcome(text) == .response(HTTPResponse(status: 200, body: Array("body".utf8)), bytes: 23, keepsConnection: false)
    )
  }

  @Test("A response to HEAD ends with its header block")
  func head() {
    let headers: HTTPHeaders = ["Content-Length": "5"]
    #expect(
      outcome("HTTP/1.1 200 OK\nContent-Length: 5\n\n", method: "HEAD")
        == .response(HTTPResponse(status: 200, headers: headers), bytes: 38, keepsConnection: true))
  }

  @Test(
    "What another recipient could read differently is refused",
    arguments: [
      // Status lines.
      "\n", "\nHTTP/1.1 200 OK\n\n", "nonsense", "http/1.1 200 OK\n\n", "HTTP/2 200 OK\n\n", "HTTP/1.2 200 OK\n\n",
      "HTTP/1.1  200 OK\n\n", "HTTP/1.1\t200 OK\n\n", "HTTP/1.1 20 OK\n\n", "HTTP/1.1 2000 OK\n\n",
      "HTTP/1.1 099 OK\n\n",
      "HTTP/1.1 +20 OK\n\n", "HTTP/1.1 abc OK\n\n", "HTTP/1.1 200\tOK\n\n", "HTTP/1.1 101 Switching Protocols\n\n",
      // Field lines.
      "HTTP/1.1 200 OK\nno colon\n\n", "HTTP/1.1 200 OK\n: x\n\n", "HTTP/1.1 200 OK\nX A: x\n\n",
      "HTTP/1.1 200 OK\nContent-Length : 0\n\n", "HTTP/1.1 200 OK\n folded: x\n\n", "HTTP/1.1 200 OK\nX-Ä: x\n\n",
      "HTTP/1.1 200 OK\nX-A: a\0b\n\n", "HTTP/1.1 200 OK\nHTTP/1.1 200 OK\n\n",
      // Delimiters of the body.
      "HTTP/1.1 200 OK\nContent-Length: \n\n", "HTTP/1.1 200 OK\nContent-Length: -1\n\n",
      "HTTP/1.1 200 OK\nContent-Length: +1\n\nx", "HTTP/1.1 200 OK\nContent-Length: 0x1\n\nx",
      "HTTP/1.1 200 OK\nContent-Length: 1 1\n\nx", "HTTP/1.1 200 OK\nContent-Length: 1, 1\n\nx",
      "HTTP/1.1 200 OK\nContent-Length: ١\n\nx", "HTTP/1.1 200 OK\nContent-Length: 1\n 1\n\nx",
      "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nx",
      "HTTP/1.1 200 OK\nContent-Length: 1\ncontent-length: 1\n\nx",
      "HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n\n0\n\n",
      "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\n\n", "HTTP/1.1 200 OK\nTransfer-Encoding: identity\n\n",
      "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n0\n\n", "HTTP/1.1 200 OK\nTransfer-Encoding: \n\n",
      "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n0\n\n",
      "HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n0\n\n",
    ])
  func ambiguous(text: String) {
    expectFailure(outcome(text), .invalidResponse)
  }

  @Test(
    "A malformed chunk is refused",
    arguments: [
      "\n", "x\n", "-1\n", "+1\nx\n", "0x1\nx\n", "1 1\nx\n", "1\nxy\n", "1\nx0\n", "1x\nx\n", "1000000000000000\n",
      "0\nX-A\n\n", "0\n: x\n\n", "0\n folded: x\n\n", "1;\(String(repeating: "x", count: 1022))\nx\n0\n\n",
    ])
  func malformedChunk(chunk: String) {
    expectFailure(outcome("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n\(chunk)"), .invalidResponse)
  }

  @Test(
    "Every line ends with CRLF",
    arguments: [
      "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", "HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n",
    ])
  func lineEnds(text: String) {
    expectFailure(Self.outcome(Array(text.utf8)), .invalidResponse)
  }

  @Test(
    "A response that ends early is lost",
    arguments: [
      "", "H", "HTTP/1.1 200", "HTTP/1.1 200 OK\n", "HTTP/1.1 200 OK\nContent-Length: 5\n", "HTTP/1.1 103 Early\n\n",
      "HTTP/1.1 200 OK\nContent-Length: 5\n\n1234", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n",
      "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nx", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nx\n0\n",
    ])
  func early(text: String) {
    expectFailure(outcome(text), .connectionLost)
  }

  @Test(
    "A body over the limit is refused before it arrives",
    arguments: [
      "Content-Length: 1001\n\n", "Content-Length: 99999999999999999999999999\n\n",
      "Transfer-Encoding: chunked\n\n3e9\n",
      "Transfer-Encoding: chunked\n\n1\nx\n3e8\n", "Transfer-Encoding: chunked\n\nfffffffffffffff\n",
    ])
  func largeBody(rest: String) {
    expectFailure(outcome("HTTP/1.1 200 OK\n\(rest)"), .responseTooLarge)
  }

  @Test("A body of exactly the limit is accepted", arguments: ["Content-Length: 1000\n\n", "\n"])
  func bodyAtLimit(rest: String) {
    guard case .response = outcome("HTTP/1.1 200 OK\n\(rest)\(String(repeating: "x", count: 1000))") else {
      Issue.record("refused")
      return
    }
  }

  @Test(
    "A line over the limit is refused before its end arrives", arguments: ["HTTP/1.1 200 ", "HTTP/1.1 200 OK\nX-A: "])
  func longLine(start: String) {
    let bytes = ResponseBuilder.maximumHeaderBytes
    expectFailure(outcome(start + String(repeating: "x", count: bytes)), .responseTooLarge)
    expectFailure(outcome(start + String(repeating: "x", count: bytes - 20 - start.utf8.count)), .connectionLost)
  }

  private func expectFailure(_ outcome: Outcome, _ reason: HTTPError.Reason) {
    guard case .failure(let failure) = outcome else {
      Issue.record("accepted: \(outcome)")
      return
    }
    #expect(failure.reason == reason, "\(failure.detail)")
    #expect(!failure.detail.isEmpty)
  }
}
