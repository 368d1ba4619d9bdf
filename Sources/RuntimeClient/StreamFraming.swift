import HTTP

/// The framing of a response body whose length is not known in advance (RFC 9112, section 6); performs no I/O.
enum StreamFraming: Equatable {
  case chunked
  /// The body ends with the connection: for HTTP/1.0.
  case untilClose
  /// The status allows no body; what is written is dropped.
  case bodyless

  init(status: Int, acceptsChunks: Bool) {
    if status == 204 || status == 304 { self = .bodyless } else { self = acceptsChunks ? .chunked : .untilClose }
  }

  /// The header field of the framing.
  var field: String { self == .chunked ? "Transfer-Encoding: chunked\r\n" : "" }

  /// Encodes a piece of the body, which is not empty.
  func chunk(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    switch self {
    case .chunked: Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
    case .untilClose: Array(bytes)
    case .bodyless: []
    }
  }

  /// Encodes the end of the body.
  func end(_ trailer: HTTPHeaders) -> [UInt8] {
    guard self == .chunked else { return [] }
    return Array("0\r\n\(trailer.fields.map { "\($0.name): \($0.value)\r\n" }.joined())\r\n".utf8)
  }
}

extension HTTPResponse {
  /// The response's bytes; with a framing those of its header block, which precede a streamed body.
  func encoded(_ framing: StreamFraming? = nil, isLast: Bool) -> [UInt8] {
    var head = "HTTP/1.1 \(status) \(Self.reasons[status] ?? "")\r\n"
    for field in headers.fields { head += "\(field.name): \(field.value)\r\n" }
    if let framing {
      head += framing.field
    } else if status != 204 {
      // A 204 response must not have a Content-Length field (RFC 9110, section 8.6).
      head += "Content-Length: \(body.count)\r\n"
    }
    if isLast { head += "Connection: close\r\n" }
    return Array((head + "\r\n").utf8) + body
  }

  private static let reasons = [
    200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 413: "Content Too Large", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error",
  ]
}
