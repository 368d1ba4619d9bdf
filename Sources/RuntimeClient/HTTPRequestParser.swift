import HTTP

/// A request to the server of `--serve`.
struct ServerRequest: Equatable {
  let method: String
  /// The path and query, as sent.
  let target: String
  let headers: HTTPHeaders
  let body: [UInt8]
  /// Whether the response may be chunked: HTTP/1.0 has no chunks.
  var acceptsChunks = true
}

/// Parses the HTTP/1.1 requests of one connection (RFC 9112); performs no I/O.
struct HTTPRequestParser {
  /// The largest header block in bytes.
  static let maximumHeaderBytes = 65_536
  /// The largest body in bytes: Lambda's limit for a synchronous invocation.
  static let maximumBodyBytes = 6_291_456

  /// The result of `next`.
  enum Step: Equatable {
    case needsBytes
    /// The client waits for `100 Continue` before it sends the body.
    case needsContinue
    case request(ServerRequest)
    /// The connection cannot be used further.
    case failure(status: Int, reason: String)
  }

  private struct Head {
    let method: String
    let target: String
    let headers: HTTPHeaders
    let framing: BodyFraming
    let acceptsChunks: Bool
    var isContinued: Bool
  }

  private struct Failure: Error {
    let status: Int
    let reason: String
    init(_ status: Int, _ reason: String) {
      self.status = status
      self.reason = reason
    }
  }

  private var buffer: [UInt8] = []
  /// The number of bytes that were already searched for the end of the header block.
  private var searched = 0
  private var head: Head?
  /// The decoded part of a chunked body.
  private var chunks: [UInt8] = []

  mutating func append(_ bytes: some Sequence<UInt8>) { buffer += bytes }

  /// Returns the next whole request, or the reason why there is none yet.
  mutating func next() -> Step {
    do throws(Failure) {
      if head == nil { try readHead() }
      guard let head else { return .needsBytes }
      if let body = try readBody(head) {
        self.head = nil
        return .request(
          ServerRequest(
            method: head.method, target: head.target, headers: head.headers, body: body,
            acceptsChunks: head.acceptsChunks))
      }
      if !head.isContinued, head.headers["Expect"]?.lowercased() == "100-continue" {
        self.head?.isContinued = true
        return .needsContinue
      }
      return .needsBytes
    } catch {
      return .failure(status: error.status, reason: error.reason)
    }
  }

  // MARK: - Header block

  /// Reads the header block into `head` if it is complete.
  private mutating func readHead() throws(Failure) {
    // Empty lines before a request are allowed (section 2.2).
    while buffer.starts(with: [0x0D, 0x0A]) { buffer.removeFirst(2) }
    guard let end = endOfHead() else {
      guard buffer.count <= Self.maximumHeaderBytes else { throw Failure(431, "the header block is too large") }
      return
    }
    guard end <= Self.maximumHeaderBytes else { throw Failure(431, "the header block is too large") }
    let text = String(decoding: buffer[..<end], as: UTF8.self)
    buffer.removeFirst(end + 4)
    searched = 0
    var lines = text.split(separator: "\r\n" as Character, omittingEmptySubsequences: false)
    let words = lines.removeFirst().split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else {
      throw Failure(400, "the request line is malformed")
    }
    var headers = HTTPHeaders()
    for line in lines {
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex, line.first != " ", line.first != "\t" else {
        throw Failure(400, "a header field is malformed")
      }
      headers.add(name: String(line[..<colon]), value: line[line.index(after: colon)...].trimmingBlanks)
    }
    // A request of HTTP/1.0 has no persistent connection.
    if words[2] == "HTTP/1.0" { headers["Connection"] = "close" }
    head = Head(
      method: String(words[0]), target: String(words[1]), headers: headers, framing: try Self.framing(headers),
      acceptsChunks: words[2] == "HTTP/1.1", isContinued: false)
  }

  private mutating func endOfHead() -> Int? {
    var index = max(0, searched - 3)
    while index + 3 < buffer.count {
      if buffer[index] == 0x0D, buffer[index + 1] == 0x0A, buffer[index + 2] == 0x0D, buffer[index + 3] == 0x0A {
        return index
      }
      index += 1
    }
    searched = buffer.count
    return nil
  }

  private static func framing(_ headers: HTTPHeaders) throws(Failure) -> BodyFraming {
    let framing: BodyFraming
    do throws(BodyFraming.Ambiguity) {
      framing = try BodyFraming(headers)
    } catch {
      throw Failure(400, error.description)
    }
    if case .length(let length) = framing, length > maximumBodyBytes { throw tooLarge }
    return framing
  }

  private static let tooLarge = Failure(413, "the event has more than \(maximumBodyBytes) bytes")

  // MARK: - Body

  private mutating func readBody(_ head: Head) throws(Failure) -> [UInt8]? {
    switch head.framing {
    case .unspecified: return []
    case .chunked: return try readChunks()
    case .length(let length):
      guard buffer.count >= length else { return nil }
      defer { buffer.removeFirst(length) }
      return Array(buffer[..<length])
    }
  }

  private mutating func readChunks() throws(Failure) -> [UInt8]? {
    while let line = try line() {
      guard let size = BodyFraming.chunkSize(line.utf8) else { throw Failure(400, "the size of a chunk is malformed") }
      guard chunks.count + size <= Self.maximumBodyBytes else { throw Self.tooLarge }
      let start = line.utf8.count + 2
      guard size > 0 else {
        // Trailers are refused: no client of this server sends any.
        guard buffer.count >= start + 2 else { return nil }
        guard buffer[start] == 0x0D, buffer[start + 1] == 0x0A else { throw Failure(400, "a trailer is not supported") }
        buffer.removeFirst(start + 2)
        defer { chunks = [] }
        return chunks
      }
      guard buffer.count >= start + size + 2 else { return nil }
      chunks += buffer[start..<start + size]
      buffer.removeFirst(start + size + 2)
    }
    return nil
  }

  /// Returns the line at the start of the buffer without consuming it.
  private func line() throws(Failure) -> String? {
    guard let end = buffer.firstIndex(of: 0x0A) else {
      guard buffer.count <= BodyFraming.maximumChunkLineBytes else {
        throw Failure(400, "the size of a chunk is malformed")
      }
      return nil
    }
    guard end > 0, end <= BodyFraming.maximumChunkLineBytes, buffer[end - 1] == 0x0D else {
      throw Failure(400, "the size of a chunk is malformed")
    }
    return String(validating: buffer[..<(end - 1)], as: UTF8.self)
  }
}

extension Substring {
  /// The text without white space at its ends.
  fileprivate var trimmingBlanks: String {
    var text = self
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return String(text)
  }
}
