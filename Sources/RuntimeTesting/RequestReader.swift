import HTTP

/// Reads the requests of a connection, one after the other.
struct RequestReader {
  /// The result of `next`.
  enum Step {
    /// A whole request.
    case request(RecordedRequest)
    /// An answer that comes before the request is whole.
    case early(Reply)
    /// The connection has ended, or its bytes are not HTTP.
    case end
  }

  let descriptor: Int32
  let connection: Int
  private let maximumBodyBytes: Int
  private let observe: LoopbackServer.Observation
  private var buffer: [UInt8] = []
  private var start = 0

  init(
    descriptor: Int32, connection: Int, maximumBodyBytes: Int, observe: @escaping LoopbackServer.Observation
  ) {
    self.descriptor = descriptor
    self.connection = connection
    self.maximumBodyBytes = maximumBodyBytes
    self.observe = observe
  }

  /// Reads the next request.
  mutating func next() -> Step {
    guard let requestLine = line() else { return .end }
    let words = requestLine.split(separator: " ")
    guard words.count == 3, let headers = fields() else { return .end }
    if headers["Expect"]?.lowercased() == "100-continue" {
      _ = Socket.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), to: descriptor)
    }
    var request = RecordedRequest(
      connection: connection, method: String(words[0]), target: String(words[1]), headers: headers)
    if headers["Transfer-Encoding"]?.lowercased() == "chunked" { return chunks(of: &request) }
    guard let length = headers["Content-Length"] else { return .request(request) }
    guard let body = Int(length).flatMap({ bytes($0) }) else { return .end }
    request.add(body, keeping: maximumBodyBytes)
    return .request(request)
  }

  /// Reads field lines up to the empty line.
  private mutating func fields() -> HTTPHeaders? {
    var headers = HTTPHeaders()
    while let line = line() {
      if line.isEmpty { return headers }
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      headers.add(name: String(line[..<colon]), value: String(value))
    }
    return nil
  }

  /// Reads a chunked body with its trailer.
  private mutating func chunks(of request: inout RecordedRequest) -> Step {
    while let size = line().flatMap({ Int($0, radix: 16) }) {
      if size == 0 {
        guard let trailer = fields() else { break }
        request.trailer = trailer
        _ = observe(request, .end(isWhole: true))
        return .request(request)
      }
      guard let chunk = bytes(size), line() != nil else { break }
      request.add(chunk, keeping: maximumBodyBytes)
      if let reply = observe(request, .chunk(chunk)) {
        _ = observe(request, .end(isWhole: false))
        return .early(reply)
      }
    }
    _ = observe(request, .end(isWhole: false))
    return .end
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
    buffer.removeFirst(start)
    start = 0
    guard let more = Socket.read(descriptor) else { return false }
    buffer += more
    return true
  }
}
