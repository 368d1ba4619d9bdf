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

/// Where log lines go.
public enum LogSink: Sendable {
  /// Standard error, where Lambda collects it and a person at a terminal sees it apart from the output.
  case standardError
  /// Lambda's telemetry pipe of that file descriptor: frames which keep a record whole, whatever is in it.
  case telemetry(Int32)
  /// A function, for tests.
  case function(@Sendable (String) -> Void)

  func write(_ line: String, level: Logger.Level, format: Logger.Format, at date: Date) {
    switch self {
    case .standardError: writeWhole(Array((line + "\n").utf8), to: STDERR_FILENO)
    case .telemetry(let descriptor):
      writeWhole(Self.frame(line, level: level, format: format, at: date), to: descriptor)
    case .function(let function): function(line)
    }
  }

  /// A telemetry frame: type, length and microseconds since 1970, big-endian, before the line.
  ///
  /// The type's low byte holds the format (2 JSON, 3 text) and the level above it, as in the managed runtimes.
  static func frame(_ line: String, level: Logger.Level, format: Logger.Format, at date: Date) -> [UInt8] {
    let type = 0xA55A_0000 | UInt32(level.rawValue) << 2 | (format == .json ? 0b10 : 0b11)
    let microseconds = UInt64(max(0, date.timeIntervalSince1970 * 1_000_000))
    var frame: [UInt8] = []
    withUnsafeBytes(of: type.bigEndian) { frame += $0 }
    withUnsafeBytes(of: UInt32(line.utf8.count).bigEndian) { frame += $0 }
    withUnsafeBytes(of: microseconds.bigEndian) { frame += $0 }
    return frame + line.utf8
  }
}

/// Writes bytes to a file descriptor, in one `write` where it takes them whole.
///
/// What cannot be written is let go: this is for logs and last words, and there is nowhere else to say so.
public func writeWhole(_ bytes: [UInt8], to descriptor: Int32) {
  bytes.withUnsafeBytes { buffer in
    var rest = buffer[...]
    while !rest.isEmpty {
      let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}
