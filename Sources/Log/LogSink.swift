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

/// A destination of log lines.
public struct LogSink: Sendable {
  private enum Destination: Sendable {
    case lines(LogPipe)
    case frames(LogPipe)
    case function(@Sendable (String) -> Void)
  }

  private let destination: Destination

  /// Standard error, which Lambda collects and a terminal shows apart from the output.
  public static let standardError = lines(STDERR_FILENO)

  static func lines(_ descriptor: Int32) -> LogSink { LogSink(destination: .lines(LogPipe(descriptor))) }

  /// Lambda's telemetry pipe of a file descriptor: frames, which keep a line whole even if it contains line breaks.
  public static func telemetry(_ descriptor: Int32) -> LogSink {
    LogSink(destination: .frames(LogPipe(descriptor)))
  }

  /// A function that receives each line, for tests.
  public static func function(_ function: @escaping @Sendable (String) -> Void) -> LogSink {
    LogSink(destination: .function(function))
  }

  /// Writes one line, and before it a notice if lines were dropped since the last one.
  ///
  /// - Parameters:
  ///   - end: The time until which the line may wait for a slow reader; `nil` for the process's own limit.
  ///   - notice: Returns the line about a number of dropped lines.
  func write(
    _ line: String, level: Logger.Level, format: Logger.Format, at date: Date, until end: ContinuousClock.Instant?,
    notice: (Int) -> String
  ) {
    switch destination {
    case .lines(let pipe):
      pipe.write(Array((line + "\n").utf8), until: end) { Array((notice($0) + "\n").utf8) }
    case .frames(let pipe):
      pipe.write(Self.frame(line, level: level, format: format, at: date), until: end) {
        Self.frame(notice($0), level: .warn, format: format, at: date)
      }
    case .function(let function): function(line)
    }
  }

  /// The descriptor, and whether lines are written to it in frames; `nil` for a function.
  var descriptor: (Int32, isFrame: Bool)? {
    switch destination {
    case .lines(let pipe): (pipe.descriptor, false)
    case .frames(let pipe): (pipe.descriptor, true)
    case .function: nil
    }
  }

  static func frameType(_ level: Logger.Level, _ format: Logger.Format) -> UInt32 {
    0xA55A_0000 | UInt32(level.rawValue) << 2 | (format == .json ? 0b10 : 0b11)
  }

  /// A telemetry frame: type, length and microseconds since 1970, big-endian, followed by the line.
  ///
  /// The type's low byte holds the format (2 JSON, 3 text) and the level above it, as in the managed runtimes.
  static func frame(_ line: String, level: Logger.Level, format: Logger.Format, at date: Date) -> [UInt8] {
    let type = frameType(level, format)
    let microseconds = UInt64(max(0, date.timeIntervalSince1970 * 1_000_000))
    var frame: [UInt8] = []
    withUnsafeBytes(of: type.bigEndian) { frame += $0 }
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: line.utf8.count).bigEndian) { frame += $0 }
    withUnsafeBytes(of: microseconds.bigEndian) { frame += $0 }
    return frame + line.utf8
  }
}
