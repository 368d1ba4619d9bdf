/// The delimitation of a message's body by its header fields (RFC 9112, section 6).
package enum BodyFraming: Equatable, Sendable {
  /// By a number of bytes, `Int.max` for any larger number.
  case length(Int)
  /// By chunks.
  case chunked
  /// By no field: a request has no body then, and a response ends with the connection.
  case unspecified

  /// The error for fields that recipients could understand in different ways.
  package struct Ambiguity: Error, Equatable {
    /// The reason for the refusal.
    package let description: String
  }

  /// Reads the fields.
  ///
  /// Refuses what would allow request or response smuggling (RFC 9112, section 11.2): more than one length, a length beside
  /// a transfer coding, and any coding but `chunked`.
  package init(_ headers: HTTPHeaders) throws(Ambiguity) {
    let (codings, lengths) = (headers.values("Transfer-Encoding"), headers.values("Content-Length"))
    guard codings.isEmpty else {
      guard lengths.isEmpty, codings.count == 1, codings[0].lowercased() == "chunked" else {
        throw Ambiguity(description: "the length of the body is ambiguous")
      }
      self = .chunked
      return
    }
    guard let length = lengths.first else {
      self = .unspecified
      return
    }
    let isDecimal = !length.isEmpty && length.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard lengths.count == 1, isDecimal else { throw Ambiguity(description: "Content-Length is malformed") }
    self = .length(Int(length) ?? .max)
  }

  /// The maximum number of bytes of a line with a chunk's size, its extensions included.
  package static let maximumChunkLineBytes = 1024

  /// The size of a chunk; its extensions are ignored (RFC 9112, section 7.1).
  ///
  /// - Parameter line: The line without its end.
  /// - Returns: `nil` for a malformed line.
  package static func chunkSize(_ line: some Collection<UInt8>) -> Int? {
    let digits = line.prefix { $0.hexadecimalValue != nil }
    let rest = line.dropFirst(digits.count).drop(while: \.isBlank)
    // Fifteen digits cannot overflow.
    guard (1...15).contains(digits.count), rest.isEmpty || rest.first == UInt8(ascii: ";") else { return nil }
    return digits.reduce(0) { $0 << 4 | ($1.hexadecimalValue ?? 0) }
  }
}

extension UInt8 {
  fileprivate var hexadecimalValue: Int? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(self - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
      Int(self | 0x20) - Int(UInt8(ascii: "a")) + 10
    default: nil
    }
  }
}
