#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A prepared FATAL line, which a signal handler writes before it ends the process. Writing makes system calls only, and
/// uses memory that exists already; see signal-safety(7).
///
/// The line is in the logger's format, with the time and an invocation's request id. It waits for no reader.
package struct LastLine: @unchecked Sendable {
  private static let headerLength = 16
  private static let timestampLength = 24
  private static let maximumIDLength = 128

  private let descriptor: Int32
  private let isFrame: Bool
  private let format: Logger.Format
  /// The line is `first`, the time, `second`, the id, `third`.
  private let first: UnsafeMutableBufferPointer<UInt8>
  private let second: UnsafeMutableBufferPointer<UInt8>
  private let third: UnsafeMutableBufferPointer<UInt8>
  private let line: UnsafeMutablePointer<UInt8>

  /// Prepares a line; its memory is never freed.
  ///
  /// - Parameter descriptor: Negative for a line that is not written.
  init(
    descriptor: Int32, isFrame: Bool, format: Logger.Format, message: String, errorType: String, errorMessage: String
  ) {
    self.descriptor = descriptor
    self.isFrame = isFrame
    self.format = format
    switch format {
    case .json:
      first = .copy(of: #"{"timestamp":""#)
      second = .copy(of: #"","level":"FATAL","requestId":""#)
      third = .copy(
        of:
          #"","message":"\#(message)","errorType":"\#(errorType)","errorMessage":"\#(errorMessage)"}"#)
    case .text:
      first = .copy(of: "")
      second = .copy(of: "\t")
      third = .copy(of: "\tFATAL\t\(message)\terrorMessage=\(errorMessage)\terrorType=\(errorType)")
    }
    line = .allocate(
      capacity: Self.headerLength + first.count + Self.timestampLength + second.count + Self.maximumIDLength
        + third.count + 1)
  }

  /// Writes the line.
  ///
  /// - Parameter requestID: At most 128 letters, digits and hyphens.
  package func write(_ requestID: UnsafeBufferPointer<UInt8>) {
    guard requestID.count <= Self.maximumIDLength else { return }
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var length = isFrame ? Self.headerLength : 0
    append(UnsafeBufferPointer(first), &length)
    appendTimestamp(time, &length)
    append(UnsafeBufferPointer(second), &length)
    append(requestID, &length)
    append(UnsafeBufferPointer(third), &length)
    if isFrame {
      let type = LogSink.frameType(.fatal, format)
      put(UInt64(type) << 32 | UInt64(length - Self.headerLength), at: 0)
      put(UInt64(time.tv_sec) &* 1_000_000 &+ UInt64(time.tv_nsec / 1000), at: 8)
    } else {
      line[length] = UInt8(ascii: "\n")
      length += 1
    }
    // One write: a pipe takes it as a whole or, if it is full, not at all.
    guard waitUntilWritable(descriptor, for: .zero) else { return }
    _ = systemWrite(descriptor, line, length)
  }

  private func append(_ bytes: UnsafeBufferPointer<UInt8>, _ length: inout Int) {
    for byte in bytes {
      line[length] = byte
      length += 1
    }
  }

  /// Writes a number in big-endian order.
  private func put(_ number: UInt64, at offset: Int) {
    for index in 0..<8 { line[offset + index] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * index)) }
  }

  /// Appends a time as `2026-11-25T18:00:00.000Z`.
  private func appendTimestamp(_ time: timespec, _ length: inout Int) {
    let utc = UTCTime(secondsSince1970: Int(time.tv_sec))
    append(utc.year, 4, "-", &length)
    append(utc.month, 2, "-", &length)
    append(utc.day, 2, "T", &length)
    append(utc.hour, 2, ":", &length)
    append(utc.minute, 2, ":", &length)
    append(utc.second, 2, ".", &length)
    append(Int(time.tv_nsec) / 1_000_000, 3, "Z", &length)
  }

  private func append(_ number: Int, _ digits: Int, _ end: Unicode.Scalar, _ length: inout Int) {
    var rest = number
    for index in (0..<digits).reversed() {
      line[length + index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    line[length + digits] = UInt8(ascii: end)
    length += digits + 1
  }
}

extension Logger {
  /// Prepares a FATAL line for a signal handler, with an error's type and message. Their characters must not need an escape.
  package func lastLine(_ message: String, errorType: String, errorMessage: String) -> LastLine {
    let (descriptor, isFrame) = sink.descriptor ?? (-1, false)
    return LastLine(
      descriptor: descriptor, isFrame: isFrame, format: format, message: message, errorType: errorType,
      errorMessage: errorMessage)
  }
}

extension UnsafeMutableBufferPointer<UInt8> {
  /// A copy of a text in UTF-8, for a signal handler. Whoever makes it frees it, or never.
  package static func copy(of text: String) -> Self {
    let buffer = allocate(capacity: text.utf8.count)
    _ = buffer.initialize(from: text.utf8)
    return buffer
  }
}
