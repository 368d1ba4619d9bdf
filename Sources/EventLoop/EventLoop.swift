import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One thread for all that a process does: its tasks, their sleeps and libcurl's transfers.
///
/// It is a `TaskExecutor` that waits in `poll` for libcurl's sockets, so a request costs no hop from thread to thread, and
/// a process that needs no more than this has no other thread. Child tasks stay on it; an unstructured one has to be told:
/// `Task(executorPreference: EventLoop.current)`.
///
/// <https://github.com/swiftlang/swift-evolution/blob/main/proposals/0417-task-executor-preference.md>
public final class EventLoop: TaskExecutor {
  /// The loop that runs the present task; `nil` outside of `run`.
  @TaskLocal public static var current: EventLoop?

  /// A loop with a thread of its own that never ends, for tasks that run on none.
  public static let background: EventLoop = {
    let loop = EventLoop()
    DispatchQueue(label: "EventLoop.background").async {
      loop.run { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
    }
    return loop
  }()

  /// The most connections to one host, and the most that are kept when idle: half of the 1,024 file descriptors that
  /// Lambda gives a function.
  public static let maximumConnections = 512

  private enum Work {
    case job(UnownedJob)
    case action(@Sendable () -> Void)
  }

  private struct State {
    var thread: pthread_t?
    var work: [Work] = []
    /// Whether the loop knows already that it has to look for work.
    var isWoken = false

    var isOnThread: Bool { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
  }

  private let state = Mutex(State())
  private let wakeup = WakeupPipe()
  // What follows is touched on the loop's own thread alone.
  package nonisolated(unsafe) let transfers = Transfers(maximumConnections: maximumConnections)
  private nonisolated(unsafe) var sleepers = Sleepers()

  /// Makes a loop; `run` sets it going.
  public init() { transfers.descriptors.watch(wakeup.descriptor, for: POLLIN) }

  deinit { wakeup.close() }

  // MARK: - Running

  /// Runs a task on the calling thread, with all that it starts, and returns what it gives. Once for each loop.
  ///
  /// - Parameter signal: the first such signal cancels the task; a second does what the system does by default.
  public func run<Value: Sendable>(
    cancelledBy signal: Int32? = nil, _ body: @escaping @Sendable () async -> Value
  ) -> Value {
    state.withLock { $0.thread = pthread_self() }
    let outcome = Outcome<Value>()
    let task = Self.$current.withValue(self) {
      Task(executorPreference: self) {
        let value = await body()
        outcome.value.withLock { $0 = value }
      }
    }
    if let signal { wakeup.wake(by: signal) }
    while true {
      doWork()
      if let value = outcome.value.withLock({ $0 }) {
        state.withLock { $0.thread = nil }
        return value
      }
      transfers.goOn(at: .now)
      for sleeper in sleepers.removeDue(at: .now) { sleeper.wake() }
      // Looked after every time, though there may be work: nobody is to wait for his turn without end.
      for (descriptor, events) in transfers.descriptors.wait(milliseconds: timeToWait) {
        if descriptor == wakeup.descriptor { wakeup.clear() } else { transfers.goOn(at: descriptor, events: events) }
      }
      if signal != nil, WakeupPipe.takeSignal() { task.cancel() }
    }
  }

  private var timeToWait: Int32 {
    guard state.withLock({ $0.work.isEmpty }) else { return 0 }
    let now = ContinuousClock.now
    let longest = Duration.seconds(3600)
    let due = [sleepers.due, transfers.due].compactMap { $0.map { now.duration(to: $0) } }.min() ?? longest
    return Int32(min(due, longest).wholeMilliseconds)
  }

  private func doWork() {
    let work = state.withLock { state in
      state.isWoken = false
      return exchange(&state.work, with: [])
    }
    for item in work {
      switch item {
      case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
      case .action(let action): action()
      }
    }
  }

  // MARK: - From any thread

  /// Takes a job of a task; for the Swift runtime.
  public func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

  /// Does something on the loop's thread: at once where that is the caller's, in order otherwise.
  package func perform(_ action: @escaping @Sendable () -> Void) {
    if state.withLock({ $0.isOnThread }) { action() } else { add(.action(action)) }
  }

  private func add(_ work: Work) {
    let isToBeWoken = state.withLock { state in
      state.work.append(work)
      guard !state.isWoken, !state.isOnThread else { return false }
      state.isWoken = true
      return true
    }
    if isToBeWoken { wakeup.wake() }
  }

  // MARK: - Sleeping

  /// Waits, on the loop of the present task.
  ///
  /// Not `Task.sleep`: its timers take a thread of their own, and a cancelled one is kept until its time.
  ///
  /// - Throws: `CancellationError`.
  public static func sleep(for duration: Duration) async throws {
    let loop = current ?? background
    let sleeper = Sleeper(due: .now + duration)
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        loop.perform { loop.sleepers.add(sleeper) { continuation.resume(with: $0) } }
      }
    } onCancel: {
      loop.perform { loop.cancel(sleeper) }
    }
  }

  /// Does something after a time, unless `cancel` comes first. On the loop's thread, as is the action.
  package func perform(after duration: Duration, _ action: @escaping () -> Void) -> Sleeper {
    let sleeper = Sleeper(due: .now + duration)
    sleepers.add(sleeper) { result in
      if case .success = result { action() }
    }
    return sleeper
  }

  /// Ends a wait before its time, on the loop's thread.
  package func cancel(_ sleeper: Sleeper) {
    sleepers.remove(sleeper)
    sleeper.cancel()
  }
}

/// What the task of `run` has given, once it has.
private final class Outcome<Value: Sendable>: Sendable {
  let value = Mutex<Value?>(nil)
}
