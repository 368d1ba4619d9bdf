import HTTP

/// Reads the requests of a connection, one after the other.
struct RequestReader {
  let descriptor: Int32
  let connection: Int
  private var buffer: [UInt8] = []
  private var start = 0

  init(descriptor: Int32, connection: Int) {
    self.descriptor = descriptor
    self.connection = connection
  }

  /// Returns the next whole request; `nil` when the connection ends or the bytes are not HTTP.
  mutating func next() -> RecordedRequest? {
    guard let requestLine = line() else { return nil }
    let words = requestLine.split(separator: " ")
    guard words.count == 3 else { return nil }
    var headers = HTTPHeaders()
    while let line = line(), !line.isEmpty {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      headers.add(name: String(line[..<colon]), value: String(value))
    }
    if headers["Expect"]?.lowercased() == "100-continue" {
      _ = Socket.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), to: descriptor)
    }
    guard let body = body(headers) else { return nil }
    return RecordedRequest(
      connection: connection, method: String(words[0]), target: String(words[1]), headers: headers, body: body)
  }

  private mutating func body(_ headers: HTTPHeaders) -> [UInt8]? {
    if headers["Transfer-Encoding"]?.lowercased() == "chunked" {
      var body: [UInt8] = []
      while let size = line().flatMap({ Int($0, radix: 16) }), let chunk = bytes(size), line() != nil {
        if size == 0 { return body }
        body += chunk
      }
      return nil
    }
    guard let length = headers["Content-Length"] else { return [] }
    return Int(length).flatMap { bytes($0) }
  }

  private mutating func line() -> String? {
    var length = 0
    while true {
      while start + length + 1 < buffer.count {
        if buffer[start + length] == 0x0D, buffer[start + length + 1] == 0x0A {
          defer { start += length + 2 }
          return String(decoding: buffer[start..<start + length], as: UTF8.self)
        }
        length += 1
      }
      guard fill() else { return nil }
    }
  }

  private mutating func bytes(_ count: Int) -> [UInt8]? {
    while buffer.count - start < count { guard fill() else { return nil } }
    defer { start += count }
    return Array(buffer[start..<start + count])
  }

  private mutating func fill() -> Bool {
    if start == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      start = 0
    }
    guard let more = Socket.read(descriptor) else { return false }
    buffer += more
    return true
  }
}
