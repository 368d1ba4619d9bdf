import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What ends the wait of a loop: a byte in a pipe, from another thread or from a signal's handler.
struct WakeupPipe: Sendable {
  /// The end to wait at.
  let descriptor: Int32
  private let input: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { fatalError("no pipe to wake a loop by: \(String(cString: strerror(errno)))") }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (descriptor, input) = (ends[0], ends[1])
  }

  /// Ends the wait, or the next one.
  func wake() {
    var byte: UInt8 = 1
    // A pipe that is full is one that wakes.
    _ = write(input, &byte, 1)
  }

  /// Takes out what `wake` wrote.
  func clear() {
    var bytes = (UInt64(0), UInt64(0))
    _ = withUnsafeMutableBytes(of: &bytes) { read(descriptor, $0.baseAddress, $0.count) }
  }

  /// Lets go of the pipe.
  func close() {
    _ = Self.signalInput.compareExchange(expected: input, desired: -1, ordering: .sequentiallyConsistent)
    closeDescriptor(input)
    closeDescriptor(descriptor)
  }

  // MARK: - Signals

  /// Where a signal's handler writes to, and whether it has. A handler may touch little else than atomics and `write`.
  private static let signalInput = Atomic<Int32>(-1)
  private static let hasSignalCome = Atomic(false)

  /// Catches a signal from now on. One to a process, for its life.
  ///
  /// After the first one the system's own way is back: who asks a second time does not want to wait for what is under way.
  func wake(by signal: Int32) {
    Self.signalInput.store(input, ordering: .sequentiallyConsistent)
    Self.hasSignalCome.store(false, ordering: .sequentiallyConsistent)
    setSignalHandler(signal) { number in
      var byte: UInt8 = 1
      let error = errno
      // Before the byte: who is woken by it finds this.
      WakeupPipe.hasSignalCome.store(true, ordering: .sequentiallyConsistent)
      _ = write(WakeupPipe.signalInput.load(ordering: .sequentiallyConsistent), &byte, 1)
      setSignalHandler(number, SIG_DFL)
      errno = error
    }
    // The process that started this one may have blocked it, and a mask is inherited.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, signal)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Whether a signal came; once for each.
  static func takeSignal() -> Bool { hasSignalCome.exchange(false, ordering: .sequentiallyConsistent) }
}

// By other names, since inside of the pipe's own functions `close` and `signal` are something else.

private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }

private func setSignalHandler(_ number: Int32, _ handler: (@convention(c) (Int32) -> Void)?) {
  _ = signal(number, handler)
}
