#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The result of a write.
enum WriteOutcome: Equatable {
  case written
  /// The reader did not make room in time, after the given number of bytes was written.
  case stalled(written: Int)
  /// The descriptor has no reader, or does not work.
  case failed
}

/// The largest write that cannot block once `poll` reports a pipe as writable: `PIPE_BUF` on Linux.
private let maximumWriteBytes = 4096

/// Writes bytes to a blocking or non-blocking descriptor; blocks in `wait` only.
///
/// - Parameter wait: Waits until the descriptor is writable, and returns false to stop the write. Called only if the
///   descriptor is not writable.
func writeBytes(_ bytes: [UInt8], to descriptor: Int32, wait: () -> Bool) -> WriteOutcome {
  // poll ignores a negative descriptor, and would wait.
  guard descriptor >= 0 else { return .failed }
  return bytes.withUnsafeBytes { buffer in
    var written = 0
    while written < buffer.count {
      guard waitUntilWritable(descriptor, for: .zero) || wait() else { return .stalled(written: written) }
      let rest = UnsafeRawBufferPointer(rebasing: buffer[written...].prefix(maximumWriteBytes))
      let count = systemWrite(descriptor, rest.baseAddress, rest.count)
      if count > 0 {
        written += count
      } else if count < 0, errno == EAGAIN || errno == EWOULDBLOCK {
        // Another writer filled the pipe after `poll`. Wait, so that this cannot become a busy loop.
        guard wait() else { return .stalled(written: written) }
      } else if count == 0 || errno != EINTR {
        return .failed
      }
    }
    return .written
  }
}

/// Waits until a write to a descriptor does not block. Also returns true if the write would fail.
func waitUntilWritable(_ descriptor: Int32, for duration: Duration) -> Bool {
  let end = ContinuousClock.now + duration
  while true {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    let milliseconds = (ContinuousClock.now.duration(to: end) / .milliseconds(1)).rounded(.up)
    let count = poll(&entry, 1, duration <= .zero ? 0 : Int32(min(max(milliseconds, 0), 3_600_000)))
    if count > 0 { return true }
    guard count < 0, errno == EINTR else { return false }
  }
}

/// Writes bytes to a descriptor, and waits for its reader as long as necessary.
///
/// - Returns: Whether all bytes were written.
@discardableResult
public func writeWhole(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
  writeBytes(bytes, to: descriptor) {
    while !waitUntilWritable(descriptor, for: .seconds(3600)) {}
    return true
  } == .written
}

/// Ignores SIGPIPE for the life of the process, so that a write to a pipe without a reader fails with `EPIPE` and does
/// not end the process. Keeps a handler that the program has installed.
let ignoringBrokenPipes: Void = {
  var current = sigaction()
  guard sigaction(SIGPIPE, nil, &current) == 0, current.isDefault else { return }
  setSignalHandler(SIGPIPE, SIG_IGN)
}()

extension sigaction {
  fileprivate var isDefault: Bool {
    #if canImport(Darwin)
      __sigaction_u.__sa_handler == nil
    #elseif canImport(Musl)
      __sa_handler.sa_handler == nil
    #else
      __sigaction_handler.sa_handler == nil
    #endif
  }
}

private func setSignalHandler(_ number: Int32, _ handler: (@convention(c) (Int32) -> Void)?) {
  _ = signal(number, handler)
}

func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}

/// Whether a descriptor is open.
func isOpen(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) != -1 }
