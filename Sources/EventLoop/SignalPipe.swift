import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Turns a signal into something that a loop can wait for: a byte in a pipe.
///
/// One to a process, for its life. After the first signal the system's own way is back: who asks a second time does not
/// want to wait for what is under way.
struct SignalPipe {
  /// The end to wait at.
  let descriptor: Int32

  /// The end that the handler writes to, and whether it has. A handler may touch little else than atomics and `write`.
  private static let input = Atomic<Int32>(-1)
  private static let hasCome = Atomic(false)

  /// Catches a signal from now on.
  init(_ signal: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { fatalError("no pipe for signals: \(String(cString: strerror(errno)))") }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    descriptor = ends[0]
    Self.input.store(ends[1], ordering: .sequentiallyConsistent)
    Self.hasCome.store(false, ordering: .sequentiallyConsistent)
    setSignalHandler(signal) { number in
      var byte: UInt8 = 1
      let error = errno
      _ = write(SignalPipe.input.load(ordering: .sequentiallyConsistent), &byte, 1)
      // After the byte: who sees this takes the byte too, or would find it again and again.
      SignalPipe.hasCome.store(true, ordering: .sequentiallyConsistent)
      setSignalHandler(number, SIG_DFL)
      errno = error
    }
    // The process that started this one may have blocked it, and a mask is inherited.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, signal)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Whether a signal came; once for each. Without a system call where none did.
  func take() -> Bool {
    guard Self.hasCome.exchange(false, ordering: .sequentiallyConsistent) else { return false }
    var byte: UInt8 = 0
    _ = read(descriptor, &byte, 1)
    return true
  }
}

// Inside `SignalPipe.init` the name `signal` is its argument's.
private func setSignalHandler(_ number: Int32, _ handler: (@convention(c) (Int32) -> Void)?) {
  _ = signal(number, handler)
}
