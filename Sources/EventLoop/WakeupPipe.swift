import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A pipe that ends the loop's wait: another thread or a signal handler writes a byte to it.
struct WakeupPipe: Sendable {
  /// The end to poll.
  let descriptor: Int32
  private let input: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      fatalError("cannot create the pipe that wakes the event loop: \(String(cString: strerror(errno)))")
    }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (descriptor, input) = (ends[0], ends[1])
  }

  /// Ends the current wait, or the next one.
  func wake() {
    var byte: UInt8 = 1
    // If the pipe is full, a wakeup is already pending.
    _ = write(input, &byte, 1)
  }

  /// Reads what `wake` wrote.
  func clear() {
    var bytes = (UInt64(0), UInt64(0))
    _ = withUnsafeMutableBytes(of: &bytes) { read(descriptor, $0.baseAddress, $0.count) }
  }

  /// Closes the pipe.
  func close() {
    _ = Self.signalInput.compareExchange(expected: input, desired: -1, ordering: .sequentiallyConsistent)
    closeDescriptor(input)
    closeDescriptor(descriptor)
  }

  // MARK: - Signals

  /// The descriptor to which the signal handler writes, or -1. Atomic, because the handler must be async-signal-safe.
  private static let signalInput = Atomic<Int32>(-1)
  /// Whether a signal was received since the last `takeSignal`.
  private static let hasSignalCome = Atomic(false)

  /// Starts to handle a signal. A process can handle one signal, until it exits.
  ///
  /// The first signal restores the default action, so a second one ends the process.
  func wake(by signal: Int32) {
    Self.signalInput.store(input, ordering: .sequentiallyConsistent)
    Self.hasSignalCome.store(false, ordering: .sequentiallyConsistent)
    setSignalHandler(signal) { number in
      var byte: UInt8 = 1
      let error = errno
      // Set the flag before the write, so that the loop sees it when it wakes.
      WakeupPipe.hasSignalCome.store(true, ordering: .sequentiallyConsistent)
      _ = write(WakeupPipe.signalInput.load(ordering: .sequentiallyConsistent), &byte, 1)
      setSignalHandler(number, SIG_DFL)
      errno = error
    }
    // The parent process may have blocked the signal, and masks are inherited.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, signal)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Returns whether a signal was received since the last call.
  static func takeSignal() -> Bool { hasSignalCome.exchange(false, ordering: .sequentiallyConsistent) }
}

// Wrappers, because `close` and `signal` resolve to members inside `WakeupPipe`.

private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }

private func setSignalHandler(_ number: Int32, _ handler: (@convention(c) (Int32) -> Void)?) {
  _ = signal(number, handler)
}
