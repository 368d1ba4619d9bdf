import JSON

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
  /// - Returns: JSON in UTF-8 without a byte-order mark.
  func json() throws(ExitError) -> [UInt8] {
    guard let bytes = JSONText.utf8(try contents()), JSONText.isValid(bytes) else {
      throw ExitError(.dataError, "\(name) is not JSON.")
    }
    return bytes
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
