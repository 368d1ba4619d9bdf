/// Builds a response from its lines and the pieces of its body, within limits; performs no I/O.
struct ResponseBuilder {
  /// The limit for all field lines of a response together, interim responses (1xx) and trailer included. Lambda and AWS
  /// services send a few KiB.
  static let maximumHeaderBytes = 65_536

  /// The limit for the body, in bytes.
  var maximumBodyBytes = HTTPRequest.defaultMaximumResponseBytes
  private(set) var headers = HTTPHeaders()
  private(set) var body: [UInt8] = []
  /// Whether the empty line that ends the header block has arrived. libcurl reports a connection that ends before it as
  /// success.
  private(set) var areHeadersComplete = false
  /// The limit that the response exceeds; `nil` for none.
  private(set) var excess: String?
  private var headerBytes = 0

  /// Checks that the limit allows a line of this many bytes.
  ///
  /// - Returns: whether to continue reading.
  mutating func allowsHeaderLine(of count: Int) -> Bool {
    if count > Self.maximumHeaderBytes - headerBytes {
      excess = "the header block exceeds \(Self.maximumHeaderBytes) bytes"
    }
    return excess == nil
  }

  /// Adds one line of a header block or trailer.
  ///
  /// - Returns: whether to continue reading.
  mutating func addHeaderLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard allowsHeaderLine(of: bytes.count) else { return false }
    headerBytes += bytes.count
    let line = bytes[...].trimmed { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }
    guard !line.isEmpty else {
      areHeadersComplete = true
      return true
    }
    // A second header block: the first belonged to an interim response (1xx).
    if line.starts(with: "HTTP/".utf8) {
      headers = HTTPHeaders([], reserving: 12)
      areHeadersComplete = false
      return true
    }
    // A trailer follows the end of the header block.
    guard !areHeadersComplete else { return true }
    if line.first?.isBlank == true, let field = headers.fields.popLast() {
      // A folded value continues (obs-fold; RFC 9112, section 5.2).
      let parts = [field.value, line.trimmed(\.isBlank).text]
      headers.add(name: field.name, value: parts.filter { !$0.isEmpty }.joined(separator: " "))
    } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
      headers.add(name: line[..<colon].text, value: line[(colon + 1)...].trimmed(\.isBlank).text)
    }
    return true
  }

  /// Checks that the limit allows this many further bytes of the body.
  ///
  /// - Returns: whether to continue reading.
  mutating func allowsBody(of count: Int) -> Bool {
    if count > maximumBodyBytes - body.count { excess = "the body exceeds \(maximumBodyBytes) bytes" }
    return excess == nil
  }

  /// Reserves memory for a body whose size is known and allowed.
  mutating func reserveBody(of count: Int) { body.reserveCapacity(count) }

  /// Adds a piece of the body.
  ///
  /// - Returns: whether to continue reading.
  mutating func addBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard allowsBody(of: bytes.count) else { return false }
    body.append(contentsOf: bytes)
    return true
  }
}

extension Slice<UnsafeRawBufferPointer> {
  fileprivate func trimmed(_ isTrimmed: (UInt8) -> Bool) -> Self {
    var (start, end) = (startIndex, endIndex)
    while start < end, isTrimmed(self[start]) { start += 1 }
    while start < end, isTrimmed(self[end - 1]) { end -= 1 }
    return self[start..<end]
  }

  fileprivate var text: String { String(decoding: UnsafeRawBufferPointer(rebasing: self), as: UTF8.self) }
}

extension UInt8 {
  /// Whether the byte is white space within a field line (RFC 9110, section 5.6.3).
  var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
