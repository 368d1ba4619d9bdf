import HTTP
import Testing

@testable import RuntimeClient

/// The framing of a streamed body, without a socket.
struct StreamFramingTests {
  @Test("A status without a body has no framing, HTTP/1.0 none but the connection's end")
  func choice() {
    #expect(StreamFraming(status: 200, acceptsChunks: true) == .chunked)
    #expect(StreamFraming(status: 200, acceptsChunks: false) == .untilClose)
    for status in [204, 304] { #expect(StreamFraming(status: status, acceptsChunks: true) == .bodyless) }
  }

  @Test("Chunks have their length in hexadecimal, and the last one a trailer")
  func chunks() {
    let bytes = [UInt8](repeating: 0x61, count: 26)
    #expect(StreamFraming.chunked.chunk(bytes[...]) == Array("1a\r\n".utf8) + bytes + Array("\r\n".utf8))
    #expect(StreamFraming.chunked.end([:]) == Array("0\r\n\r\n".utf8))
    #expect(StreamFraming.chunked.end(["A": "b"]) == Array("0\r\nA: b\r\n\r\n".utf8))
    #expect(StreamFraming.untilClose.chunk(bytes[...]) == bytes)
    #expect(StreamFraming.untilClose.end(["A": "b"]) == [])
    #expect(StreamFraming.bodyless.chunk(bytes[...]) == [])
  }

  @Test("A header block says how its body is framed")
  func heads() {
    func head(_ framing: StreamFraming?, isLast: Bool = false) -> String {
      String(decoding: HTTPResponse(status: 200, headers: ["A": "b"]).encoded(framing, isLast: isLast), as: UTF8.self)
    }
    #expect(head(nil) == "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n")
    #expect(head(.chunked) == "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n")
    #expect(head(.untilClose, isLast: true) == "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n")
    #expect(head(.bodyless) == "HTTP/1.1 200 OK\r\nA: b\r\n\r\n")
  }
}
