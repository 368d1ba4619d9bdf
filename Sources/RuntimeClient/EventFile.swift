import JSON

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The event that the command line names: a file, or standard input.
struct EventFile {
  private let path: String
  private let name: String

  /// - Parameter path: The path of a file; `-` is standard input.
  init(_ path: String) {
    self.path = path
    name = path == "-" ? "standard input" : path
  }

  /// Reads the event.
  ///
  /// - Returns: JSON in UTF-8 without a byte-order mark. Editors and shells of Windows write the mark, and UTF-16; in
  ///   Lambda, JSONDecoder accepts both.
  func json() throws(ExitError) -> [UInt8] {
    guard let bytes = Self.utf8(try contents()), JSONText.isValid(bytes) else {
      throw ExitError(.dataError, "\(name) is not JSON.")
    }
    return bytes
  }

  /// Converts text of the encoding that its byte-order mark names; without a mark it is UTF-8.
  static func utf8(_ bytes: [UInt8]) -> [UInt8]? {
    let marks: [([UInt8], String.Encoding)] = [
      ([0xFF, 0xFE, 0, 0], .utf32LittleEndian), ([0, 0, 0xFE, 0xFF], .utf32BigEndian),
      ([0xFF, 0xFE], .utf16LittleEndian), ([0xFE, 0xFF], .utf16BigEndian),
    ]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(bytes.dropFirst(3)) }
    guard let (mark, encoding) = marks.first(where: { bytes.starts(with: $0.0) }) else { return bytes }
    return String(bytes: bytes.dropFirst(mark.count), encoding: encoding).map { Array($0.utf8) }
  }

  private func contents() throws(ExitError) -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    defer { if descriptor > STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      // After a failed open, errno still holds the reason.
      let count = descriptor < 0 ? -1 : read(descriptor, &chunk, chunk.count)
      if count > 0 {
        bytes += chunk[..<count]
      } else if count == 0 {
        return bytes
      } else if descriptor < 0 || errno != EINTR {
        let subject = path == "-" ? "Standard input" : path
        throw ExitError(.noInput, "\(subject) cannot be read: \(String(cString: strerror(errno))).")
      }
    }
  }
}
