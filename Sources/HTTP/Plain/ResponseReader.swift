/// Reads one HTTP/1.x response from the bytes of a connection (RFC 9112), within limits; performs no I/O.
///
/// Strict where a lenient reader could lose its place in the stream: every line ends with CRLF, a field's name is a token,
/// and the fields that delimit the body are unambiguous (`BodyFraming`).
struct ResponseReader {
  /// Why the bytes give no response.
  struct Failure: Error, Equatable {
    let reason: HTTPError.Reason
    let detail: String
  }

  private enum State: Equatable {
    case statusLine
    case fields
    case body(remaining: Int)
    case bodyUntilClose
    case chunkSize
    case chunk(remaining: Int)
    /// The end of line after a chunk.
    case chunkEnd
    case trailer
    case complete
  }

  /// Whether any byte has arrived.
  private(set) var hasStarted = false
  private let isResponseToHead: Bool
  private var state = State.statusLine
  private var builder = ResponseBuilder()
  private var status = 0
  private var isVersion11 = false
  /// The start of a line whose end has not arrived.
  private var line: [UInt8] = []

  /// Creates a reader for the response to a request.
  init(of request: HTTPRequest) {
    isResponseToHead = request.method == "HEAD"
    builder.maximumBodyBytes = request.maximumResponseBytes
  }

  /// The response; `nil` until it is complete.
  var response: HTTPResponse? {
    guard state == .complete else { return nil }
    return HTTPResponse(status: status, headers: builder.headers, body: builder.body)
  }

  /// Whether the connection can be used for another request, once the response is complete (RFC 9112, section 9.3).
  private(set) var keepsConnection = false

  /// Reads bytes until the response is complete.
  ///
  /// - Returns: The number of bytes that belong to the response.
  mutating func read(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Int {
    var rest = bytes[...]
    while state != .complete, !rest.isEmpty {
      hasStarted = true
      switch state {
      case .body(let remaining):
        let count = try readBody(&rest, atMost: remaining)
        state = count == remaining ? .complete : .body(remaining: remaining - count)
      case .bodyUntilClose: _ = try readBody(&rest, atMost: rest.count)
      case .chunk(let remaining):
        let count = try readBody(&rest, atMost: remaining)
        state = count == remaining ? .chunkEnd : .chunk(remaining: remaining - count)
      default: try readLine(&rest)
      }
    }
    return bytes.count - rest.count
  }

  /// Completes a response that ends with the connection.
  mutating func end() throws(Failure) {
    switch state {
    case .complete: break
    case .bodyUntilClose: state = .complete
    case .statusLine, .fields:
      throw Failure(reason: .connectionLost, detail: "the connection ended before the header block did")
    default: throw Failure(reason: .connectionLost, detail: "the connection ended before the body did")
    }
  }

  // MARK: - Lines

  private mutating func readLine(_ rest: inout Slice<UnsafeRawBufferPointer>) throws(Failure) {
    guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
      line += rest
      rest = rest[rest.endIndex...]
      return try check(line, missing: 1)
    }
    let piece = rest[...end]
    rest = rest[(end + 1)...]
    if line.isEmpty { return try process(UnsafeRawBufferPointer(rebasing: piece)) }
    line += piece
    let whole = exchange(&line, with: [])
    let failure = whole.withUnsafeBytes { whole -> Failure? in
      do throws(Failure) { try process(whole) } catch { return error }
      return nil
    }
    if let failure { throw failure }
  }

  /// Bounds a line, and refuses what cannot become a status line without waiting for its end.
  ///
  /// - Parameter missing: The minimum number of bytes that are still to come.
  private mutating func check(_ line: some Collection<UInt8>, missing: Int = 0) throws(Failure) {
    let count = line.count + missing
    switch state {
    case .chunkSize, .chunkEnd:
      guard count <= BodyFraming.maximumChunkLineBytes else { throw Self.malformed("a chunk") }
    case .statusLine where !line.starts(with: Self.version.prefix(line.count)): throw Self.malformed("the status line")
    default: guard builder.allowsHeaderLine(of: count) else { throw Self.tooLarge(builder.excess) }
    }
  }

  /// - Parameter line: A whole line with its end.
  private mutating func process(_ line: UnsafeRawBufferPointer) throws(Failure) {
    try check(line)
    let text = line.dropLast(2)
    guard line.dropLast().last == UInt8(ascii: "\r"), !text.contains(where: \.isForbiddenInLine) else {
      throw Self.malformed("a line")
    }
    switch state {
    case .statusLine:
      try readStatusLine(text)
      try add(line)
      state = .fields
    case .fields:
      guard text.isEmpty || text.isFieldLine || (text.first?.isBlank == true && !builder.headers.fields.isEmpty) else {
        throw Self.malformed("a header field")
      }
      try add(line)
      if text.isEmpty { try endHeaders() }
    case .trailer:
      guard text.isEmpty || text.isFieldLine else { throw Self.malformed("a trailer field") }
      try add(line)
      if text.isEmpty { state = .complete }
    case .chunkSize: try readChunkSize(text)
    case .chunkEnd:
      guard text.isEmpty else { throw Self.malformed("a chunk") }
      state = .chunkSize
    case .body, .bodyUntilClose, .chunk, .complete: break  // They have no lines.
    }
  }

  private mutating func add(_ line: UnsafeRawBufferPointer) throws(Failure) {
    guard builder.addHeaderLine(line) else { throw Self.tooLarge(builder.excess) }
  }

  private static var version: String.UTF8View { "HTTP/1.".utf8 }

  /// Reads `HTTP/1.1 200 OK`; the reason phrase and the space before it may be missing.
  private mutating func readStatusLine(_ text: Slice<UnsafeRawBufferPointer>) throws(Failure) {
    let (minor, code) = (text.dropFirst(7).first, text.dropFirst(9).prefix { $0 != UInt8(ascii: " ") })
    isVersion11 = minor == UInt8(ascii: "1")
    guard text.starts(with: Self.version), isVersion11 || minor == UInt8(ascii: "0"),
      text.dropFirst(8).first == UInt8(ascii: " "), code.count == 3,
      let status = Int(String(decoding: code, as: UTF8.self)),
      status >= 100
    else { throw Self.malformed("the status line") }
    self.status = status
  }

  private mutating func endHeaders() throws(Failure) {
    guard status >= 200 else {
      // No request asks for another protocol.
      guard status != 101 else { throw Self.malformed("a response of status 101") }
      state = .statusLine
      return
    }
    let options = builder.headers.values("Connection").flatMap { $0.split(separator: ",") }
    keepsConnection = isVersion11 && !options.contains { $0.lowercased().filter { !$0.isWhitespace } == "close" }
    guard !isResponseToHead, status != 204, status != 304 else {
      state = .complete
      return
    }
    do throws(BodyFraming.Ambiguity) {
      try begin(BodyFraming(builder.headers))
    } catch {
      throw Failure(reason: .invalidResponse, detail: error.description)
    }
    if let excess = builder.excess { throw Self.tooLarge(excess) }
  }

  private mutating func begin(_ framing: BodyFraming) throws(BodyFraming.Ambiguity) {
    switch framing {
    case .length(let length):
      if builder.allowsBody(of: length) { builder.reserveBody(of: length) }
      state = length == 0 ? .complete : .body(remaining: length)
    case .chunked:
      guard isVersion11 else { throw BodyFraming.Ambiguity(description: "HTTP/1.0 has no chunks") }
      state = .chunkSize
    case .unspecified:
      keepsConnection = false
      state = .bodyUntilClose
    }
  }

  // MARK: - Body

  private mutating func readBody(
    _ rest: inout Slice<UnsafeRawBufferPointer>, atMost count: Int
  ) throws(Failure) -> Int {
    let piece = rest.prefix(count)
    guard builder.addBody(UnsafeRawBufferPointer(rebasing: piece)) else { throw Self.tooLarge(builder.excess) }
    rest = rest[piece.endIndex...]
    return piece.count
  }

  private mutating func readChunkSize(_ text: Slice<UnsafeRawBufferPointer>) throws(Failure) {
    guard let size = BodyFraming.chunkSize(text) else { throw Self.malformed("the size of a chunk") }
    guard builder.allowsBody(of: size) else { throw Self.tooLarge(builder.excess) }
    state = size == 0 ? .trailer : .chunk(remaining: size)
  }

  private static func malformed(_ part: String) -> Failure {
    Failure(reason: .invalidResponse, detail: "\(part) is malformed")
  }

  private static func tooLarge(_ excess: String?) -> Failure {
    Failure(reason: .responseTooLarge, detail: excess ?? "")
  }
}

extension Slice<UnsafeRawBufferPointer> {
  /// Whether the line begins with a token and a colon (RFC 9112, section 5).
  fileprivate var isFieldLine: Bool {
    let name = prefix(while: \.isTokenCharacter)
    return !name.isEmpty && dropFirst(name.count).first == UInt8(ascii: ":")
  }
}

extension UInt8 {
  /// Whether a recipient could take the byte for the end of the line or of the text (RFC 9110, section 5.5). A line feed is
  /// never within a line.
  fileprivate var isForbiddenInLine: Bool {
    self == 0 || self == UInt8(ascii: "\r")
  }
}
