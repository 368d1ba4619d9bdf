import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One thread for a process's tasks, timers and descriptors.
///
/// A `TaskExecutor` that waits in `poll`, so I/O costs no hop between threads, and a process that does all its I/O here
/// has no other thread. Child tasks stay on the loop; an unstructured task needs
/// `Task(executorPreference: EventLoop.current)`.
///
/// <https://github.com/swiftlang/swift-evolution/blob/main/proposals/0417-task-executor-preference.md>
public final class EventLoop: TaskExecutor {
  /// The loop that runs the current task; `nil` outside of `run`.
  @TaskLocal public static var current: EventLoop?

  /// A loop on a thread of its own that never ends, for tasks that run on no loop.
  public static let background: EventLoop = {
    let loop = EventLoop()
    DispatchQueue(label: "EventLoop.background").async {
      loop.run { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
    }
    return loop
  }()

  /// The most batches of work between two polls. An invocation queues work in about four batches, and polling after each
  /// would be a third of its system calls.
  private static let maximumBatches = 8

  private enum Work {
    case job(UnownedJob)
    case action(@Sendable () -> Void)
  }

  private struct State {
    var thread: pthread_t?
    var work: [Work] = []
    /// Whether a wakeup is already pending.
    var isWoken = false

    var isOnThread: Bool { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
  }

  private let state = Mutex(State())
  private let wakeup = WakeupPipe()
  // Used on the loop's own thread only.
  private nonisolated(unsafe) var descriptors = DescriptorTable()
  private nonisolated(unsafe) var sleepers = Sleepers()
  private nonisolated(unsafe) var timers: [LoopTimer] = []
  /// Few, and no dictionary: each type of dictionary costs a start 4 % of its instructions.
  private nonisolated(unsafe) var resources: [AnyObject] = []

  /// Twice the number of waits, and one more during a wait. A signal handler can read it while the loop exists.
  /// The loop is blocked if the number is even and does not change.
  package nonisolated(unsafe) let pulse = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: 1)

  /// Creates a loop; `run` starts it.
  public init() {
    pulse.initialize(to: Atomic(0))
    descriptors.watch(wakeup.descriptor, for: POLLIN) { [wakeup] _, _ in wakeup.clear() }
  }

  deinit {
    wakeup.close()
    pulse.deinitialize(count: 1)
    pulse.deallocate()
  }

  // MARK: - Running

  /// Runs a task, with all that it starts, on the calling thread and returns its value. Call it once for each loop.
  ///
  /// - Parameters:
  ///   - signal: the first such signal cancels the task; the second has the system's default effect.
  ///   - body: the task.
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
      let now = ContinuousClock.now
      for timer in timers { timer.fire(at: now) }
      wakeSleepers(at: now)
      // Poll on every pass, also with queued work, so that it cannot starve descriptors.
      pulse.pointee.wrappingAdd(1, ordering: .relaxed)
      let ready = descriptors.wait(milliseconds: timeToWait)
      pulse.pointee.wrappingAdd(1, ordering: .relaxed)
      for (index, (descriptor, events)) in ready.enumerated() {
        // Between descriptors too: handlers that always find more to read must not delay a deadline.
        if index > 0 { wakeSleepers(at: .now) }
        descriptors.handler(of: descriptor)?(descriptor, events)
      }
      if signal != nil, WakeupPipe.takeSignal() { task.cancel() }
    }
  }

  private func wakeSleepers(at now: ContinuousClock.Instant) {
    for sleeper in sleepers.removeDue(at: now) { sleeper.wake() }
  }

  private var timeToWait: Int32 {
    guard state.withLock({ $0.work.isEmpty }) else { return 0 }
    let now = ContinuousClock.now
    var wait = Duration.seconds(3600)
    if let due = sleepers.due { wait = min(wait, now.duration(to: due)) }
    for timer in timers {
      if let due = timer.due { wait = min(wait, now.duration(to: due)) }
    }
    return Int32(wait.wholeMilliseconds)
  }

  private func doWork() {
    for _ in 0..<Self.maximumBatches {
      let work = state.withLock { state in
        state.isWoken = false
        return exchange(&state.work, with: [])
      }
      guard !work.isEmpty else { return }
      for item in work {
        switch item {
        case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
        case .action(let action): action()
        }
      }
    }
  }

  // MARK: - From any thread

  /// Enqueues a job of a task; called by the Swift runtime.
  public func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

  /// Performs an action on the loop's thread: immediately if called there, otherwise in order.
  package func perform(_ action: @escaping @Sendable () -> Void) {
    if state.withLock({ $0.isOnThread }) { action() } else { add(.action(action)) }
  }

  private func add(_ work: Work) {
    let needsWakeup = state.withLock { state in
      state.work.append(work)
      guard !state.isWoken, !state.isOnThread else { return false }
      state.isWoken = true
      return true
    }
    if needsWakeup { wakeup.wake() }
  }

  // MARK: - Sleeping

  /// Suspends the current task for a time, on its loop.
  ///
  /// Unlike `Task.sleep`, needs no thread for its timers and drops a cancelled timer at once.
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

  // MARK: - For clients, on the loop's thread

  /// Polls a descriptor for these events (`POLLIN`, `POLLOUT`) until the next call for it; 0 stops polling.
  ///
  /// - Parameter handler: called with the descriptor and the reported events; the loop keeps it while it polls.
  package func watch(
    _ descriptor: Int32, for events: Int32, handler: ((_ descriptor: Int32, _ events: Int32) -> Void)? = nil
  ) {
    descriptors.watch(descriptor, for: events, handler: handler)
  }

  /// Whether the loop polls the descriptor.
  package func isWatched(_ descriptor: Int32) -> Bool { descriptors.isWatched(descriptor) }

  /// Adds a timer, not set yet, that lives as long as the loop.
  package func addTimer(_ action: @escaping () -> Void) -> LoopTimer {
    let timer = LoopTimer(action: action)
    timers.append(timer)
    return timer
  }

  /// Performs an action after a time, unless `cancel` comes first.
  package func perform(after duration: Duration, _ action: @escaping () -> Void) -> Sleeper {
    let sleeper = Sleeper(due: .now + duration)
    sleepers.add(sleeper) { result in
      if case .success = result { action() }
    }
    return sleeper
  }

  /// Ends a wait early.
  package func cancel(_ sleeper: Sleeper) {
    sleepers.remove(sleeper)
    sleeper.cancel()
  }

  /// The loop's one object of a type, created by the first call and released with the loop.
  ///
  /// The object must not keep the loop alive.
  package func resource<Resource: AnyObject>(_ make: (EventLoop) -> Resource) -> Resource {
    for case let resource as Resource in resources { return resource }
    let resource = make(self)
    resources.append(resource)
    return resource
  }
}

/// The value of the task of `run`, once it has ended.
private final class Outcome<Value: Sendable>: Sendable {
  let value = Mutex<Value?>(nil)
}
