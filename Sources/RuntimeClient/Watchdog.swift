import EventLoop
import Log
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread that answers an invocation whose handler blocks the event loop until shortly before the deadline, and then ends
/// the process: the loop can neither cancel such a handler nor answer.
///
/// It also sends the error of a handler that runs into its deadline, because a cancelled handler can block the loop before
/// the loop has sent it.
///
/// The thread sleeps until shortly before a deadline. An invocation wakes it only if its deadline is before that, so that
/// one invocation after the other costs no system call.
final class Watchdog: Sendable {
  private struct State {
    var schedule = WatchdogSchedule()
    /// The invocations in progress; there are few.
    var runs: [(id: Int, run: InvocationRun)] = []
    var lastID = 0
    /// When the thread wakes; `nil`: only by a call.
    var wakeup: ContinuousClock.Instant?
    var sleeper: Sleeper?
    /// The last error to be sent.
    var report: Task<Void, any Error>?
  }

  private let state = Mutex(State())
  /// The loop that is watched.
  private let watched: EventLoop
  /// The watchdog's own.
  private let loop = EventLoop()
  private let makeClient: @Sendable () throws -> RuntimeAPIClient

  /// Creates a watchdog; `start` starts its thread.
  ///
  /// - Parameter makeClient: Creates a client, whose transport is on the current loop.
  init(of watched: EventLoop, makeClient: @escaping @Sendable () throws -> RuntimeAPIClient) {
    self.watched = watched
    self.makeClient = makeClient
  }

  /// Starts the thread, which lives as long as the process.
  ///
  /// - Returns: Whether it could be started.
  func start() -> Bool {
    let this = Unmanaged.passRetained(self).toOpaque()
    #if canImport(Darwin)
      var thread: pthread_t?
      let code = pthread_create(&thread, nil, { Watchdog.main($0) }, this)
    #else
      var thread = pthread_t()
      let code = pthread_create(&thread, nil, { $0.flatMap { Watchdog.main($0) } }, this)
    #endif
    return code == 0
  }

  private static func main(_ this: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let watchdog = Unmanaged<Watchdog>.fromOpaque(this).takeRetainedValue()
    watchdog.loop.run { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
    return nil
  }

  // MARK: - On the watched loop

  /// Watches an invocation from now on.
  ///
  /// - Returns: The number for `remove`.
  func add(_ run: InvocationRun) -> Int {
    let deadline = run.started + run.time
    let (id, isEarlier) = state.withLock { state in
      state.lastID += 1
      let entry = WatchdogSchedule.Entry(
        id: state.lastID, deadline: deadline, reserve: Runtime.reserve(of: run.time))
      state.schedule.add(entry)
      state.runs.append((state.lastID, run))
      return (state.lastID, state.wakeup.map { entry.check < $0 } ?? true)
    }
    if isEarlier { loop.perform { self.act() } }
    return id
  }

  /// Ends the watch of an invocation. The thread is not woken.
  func remove(_ id: Int) {
    state.withLock { state in
      state.schedule.remove(id)
      state.runs.removeAll { $0.id == id }
    }
  }

  /// Reports an invocation's failure from the watchdog's thread.
  ///
  /// - Throws: `RuntimeError`, `CancellationError`.
  func fail(_ requestID: String, with error: FunctionError) async throws {
    let report = EventLoop.$current.withValue(loop) {
      Task(executorPreference: loop) { [makeClient] in try await makeClient().fail(requestID, with: error) }
    }
    state.withLock { $0.report = report }
    try await report.value
  }

  // MARK: - On the watchdog's thread

  /// Does what is due, and sleeps until the next time.
  private func act() {
    while true {
      let now = ContinuousClock.now
      let (action, run) = state.withLock { state in
        let action = state.schedule.next(now: now)
        if case .sleep(let wakeup) = action { state.wakeup = wakeup }
        if case .seize(let entry) = action { return (action, state.runs.first { $0.id == entry.id }?.run) }
        return (action, nil)
      }
      switch action {
      case .sleep(let wakeup):
        let sleeper = wakeup.map { loop.perform(after: now.duration(to: $0)) { self.act() } }
        if let last = state.withLock({ exchange(&$0.sleeper, with: sleeper) }) { loop.cancel(last) }
        return
      case .ping: watched.perform { self.state.withLock { $0.schedule.pong(now: .now) } }
      case .seize:
        if let run { return seize(run) }
      }
    }
  }

  private func seize(_ run: InvocationRun) {
    _ = loop.perform(after: run.context.remainingTime) { _exit(1) }
    EventLoop.$current.withValue(loop) {
      _ = Task(executorPreference: loop) {
        await self.answer(run)
        _exit(1)
      }
    }
  }

  /// Answers an invocation, unless it is answered or its response is in flight, and writes the log's last line.
  private func answer(_ run: InvocationRun) async {
    let logger = run.context.logger
    let ran = Int(run.started.duration(to: .now) / .milliseconds(1))
    let error = FunctionError(
      type: "Function.DeadlineExceeded",
      message: "The handler blocked its thread for \(ran) ms, until shortly before the invocation's deadline.")
    do {
      if run.answer.seize() {
        try await makeClient().fail(run.context.requestID, with: error)
      } else {
        // Its error may be on the way.
        try await state.withLock { $0.report }?.value
      }
    } catch {
      logger.error("The invocation's answer was not accepted.", error: error)
    }
    logger.fatal(
      "The process ends, because its thread is blocked.",
      ["errorType": .string(error.type), "errorMessage": .string(error.message)])
  }
}
