#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The head of a request with any purpose but a post.
struct RequestHead {
  let method: String
  let path: String
  private let fields: [String: String]

  init?(_ bytes: UnsafeBufferPointer<UInt8>) {
    var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
    guard !lines.isEmpty else { return nil }
    let words = lines.removeFirst().split(separator: " ")
    guard words.count == 3 else { return nil }
    method = String(words[0])
    path = String(words[1])
    var fields: [String: String] = [:]
    for line in lines {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    self.fields = fields
  }

  /// A field by its name in lower case.
  subscript(_ name: String) -> String? { fields[name] }

  // MARK: - Without allocation

  /// The length of a head with its blank line; `nil` if it is not complete.
  static func length(_ buffer: UnsafePointer<UInt8>, _ count: Int) -> Int? {
    var line = 0
    while line < count, let end = memchr(buffer + line, 10, count - line) {
      line = UnsafeRawPointer(end) - UnsafeRawPointer(buffer) + 1
      if line + 1 < count, buffer[line] == 13, buffer[line + 1] == 10 { return line + 2 }
    }
    return nil
  }

  /// The value of `Content-Length`, 0 without one.
  static func contentLength(_ head: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let name: StaticString = "content-length:"
    var line = 0
    while line + name.utf8CodeUnitCount < count, let end = memchr(head + line, 10, count - line) {
      line = UnsafeRawPointer(end) - UnsafeRawPointer(head) + 1
      guard line + name.utf8CodeUnitCount < count, head[line] | 0x20 == UInt8(ascii: "c") else { continue }
      guard strncasecmp(UnsafeRawPointer(head + line).assumingMemoryBound(to: CChar.self), "content-length:", 15) == 0
      else { continue }
      var value = 0
      var index = line + name.utf8CodeUnitCount
      while index < count, head[index] != 13 {
        if head[index] >= 48, head[index] <= 57, value < 1 << 40 { value = value * 10 + Int(head[index] - 48) }
        index += 1
      }
      return value
    }
    return 0
  }
}
