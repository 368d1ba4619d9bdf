#if os(Linux) && !Lean
  import CDispatch
  import Log
  import Synchronization

  #if canImport(Glibc)
    import Glibc
  #else
    import Musl
  #endif

  /// Logs the reason and ends the process with exit code 1 if FoundationNetworking traps while it reads an answer.
  ///
  /// FoundationNetworking 6.3 ends the process by `fatalError` if the answer to `next` has a trailer, or if the connection
  /// is closed inside the header block. A signal handler is the only place that can still say so.
  enum FoundationNetworkingTrap {
    private struct State {
      var logger: Logger?
      /// The actions that were in place before, such as that of Swift's backtraces.
      var previous: [Int32: sigaction] = [:]
    }

    private static let state = Mutex(State())
    /// The signals of a Swift trap on x86-64 and arm64.
    private static let signals = [SIGILL, SIGTRAP]

    /// Starts to handle the signals. A later call replaces the logger.
    static func watch(_ logger: Logger) {
      state.withLock { state in
        state.logger = logger
        guard state.previous.isEmpty else { return }
        for signal in signals {
          var previous = sigaction()
          guard sigaction(signal, nil, &previous) == 0 else { continue }
          state.previous[signal] = previous
          setSignalHandler(signal, handle)
        }
      }
    }

    /// A trap is synchronous and `fatalError` holds no lock, so unlike for other signals any function may be called.
    private static let handle: @convention(c) (Int32) -> Void = { signal in
      let state = FoundationNetworkingTrap.state.withLock { $0 }
      guard isOnURLSessionQueue, let logger = state.logger else {
        // Other code trapped: its instruction runs again after this handler, with the previous action.
        if var previous = state.previous[signal] { sigaction(signal, &previous, nil) }
        return
      }
      logger.fatal(
        "The process ends: FoundationNetworking trapped on the Runtime API's answer to next.",
        ["errorType": "Runtime.InvalidInvocation"])
      _exit(1)
    }

    private static var isOnURLSessionQueue: Bool {
      let label = String(cString: dispatch_queue_get_label(nil))
      return label.hasPrefix("URLSession<") || label == "MultiHandle.isolation"
    }
  }

  private func setSignalHandler(_ number: Int32, _ handler: (@convention(c) (Int32) -> Void)?) {
    _ = signal(number, handler)
  }
#endif
