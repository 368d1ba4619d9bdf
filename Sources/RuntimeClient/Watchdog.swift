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

/// Answers an invocation whose handler blocks the event loop until shortly before the deadline, and then ends the process:
/// the loop can neither cancel such a handler nor answer.
///
/// Uses a timer's signal, not a thread: the lean build then has one thread, and needs no second stack, no second
/// transfer and no locks in the C library's memory allocator. The signal interrupts the loop's thread at any
/// instruction. Its handler may therefore only read prepared memory and make system calls; see signal-safety(7).
///
/// The loop itself ends an invocation that runs too long, once only the reserve for the answer is left. The watchdog
/// checks the loop when three quarters of that reserve are left, and then after each eighth of the reserve. The loop is
/// blocked if it is not waiting and has not waited for a quarter of the reserve. A handler that computes on another
/// thread does not block the loop.
///
/// The timer is set for an invocation only if it would fire too late, so that most invocations cost no system call. A
/// signal for an invocation that has ended sets the timer for the next check, if any.
final class Watchdog: @unchecked Sendable {
  /// An invocation in progress.
  struct Watch {
    /// `AnswerOnce.address`; `nil` if this element of `watches` is free.
    var answer: UnsafeMutableRawPointer?
    /// The time of the next check, and the deadline: nanoseconds of `CLOCK_MONOTONIC`.
    var check: Int64 = 0
    var deadline: Int64 = 0
    /// The part of the invocation's time that is kept for the answer, in nanoseconds.
    var reserve: Int64 = 0
    var idLength = 0
    /// The request id.
    var id: UnsafeMutablePointer<UInt8>
  }

  /// The memory of the signal handler. Only the loop's thread uses it, which the signal interrupts.
  struct Shared {
    let watches: UnsafeMutablePointer<Watch>
    let count: Int
    let report: BlockedReport
    let line: LastLine
    let pulse: UnsafeMutablePointer<Atomic<UInt>>
    /// The loop's pulse when a check last saw a change, and the time of that check.
    var lastPulse: UInt = 0
    var pulseTime: Int64 = 0
    /// A `timer_t`. An optional because the first timer's id is 0, which is `nil` as a pointer.
    var timer: UnsafeMutableRawPointer?
    /// When the timer fires; `.max` if it is not set.
    var wakeup = Int64.max
  }

  private static let maximumIDLength = 128

  private let shared: UnsafeMutablePointer<Shared>

  /// Creates a watchdog; `start` starts it.
  ///
  /// - Parameters:
  ///   - loop: The event loop, which must live as long as the process.
  ///   - concurrency: The maximum number of concurrent invocations.
  ///   - address: The Runtime API.
  /// - Returns: `nil` for a host name, because a signal handler cannot resolve it. Lambda's address is numeric.
  init?(of loop: EventLoop, concurrency: Int, address: RuntimeAPIAddress, logger: Logger) {
    guard let report = BlockedReport(to: address) else { return nil }
    let watches = UnsafeMutablePointer<Watch>.allocate(capacity: concurrency)
    for index in 0..<concurrency {
      (watches + index).initialize(to: Watch(id: .allocate(capacity: Self.maximumIDLength)))
    }
    shared = .allocate(capacity: 1)
    shared.initialize(
      to: Shared(
        watches: watches, count: concurrency, report: report,
        line: logger.lastLine(
          "The process ends, because its thread is blocked.", errorType: BlockedReport.errorType,
          errorMessage: BlockedReport.errorMessage),
        pulse: loop.pulse))
  }

  /// Starts to watch the current thread, for the life of the process: the memory is never freed.
  ///
  /// - Returns: Whether the timer could be created.
  func start() -> Bool {
    #if os(Linux)
      let signal = __libc_current_sigrtmin()
      var action = sigaction()
      action.setHandler { number, info, _ in Watchdog.fired(info) }
      // SA_RESTART: the system repeats the interrupted system call where it can.
      action.sa_flags = SA_SIGINFO | SA_RESTART
      var event = sigevent()
      // SIGEV_THREAD_ID: this thread, not any.
      event.sigev_notify = 4
      event.sigev_signo = signal
      event.setThread(Self.currentThread)
      event.sigev_value.sival_ptr = UnsafeMutableRawPointer(shared)
      guard sigaction(signal, &action, nil) == 0, timer_create(CLOCK_MONOTONIC, &event, &shared.pointee.timer) == 0
      else { return false }
      // The parent process may have blocked the signal, and masks are inherited.
      var signals = sigset_t()
      sigemptyset(&signals)
      sigaddset(&signals, signal)
      pthread_sigmask(SIG_UNBLOCK, &signals, nil)
      // Called once outside the signal handler, so that Swift's lazy initialization happens here and not in the
      // handler.
      Self.act(shared, now: Self.now)
      return true
    #else
      return false
    #endif
  }

  /// The kernel's id of the current thread. Swift's Glibc lacks gettid(2).
  private static var currentThread: pid_t {
    var target = [CChar](repeating: 0, count: 64)
    // "1/task/2": the process and the thread. Without /proc it is the main thread, whose id is the process's.
    guard readlink("/proc/thread-self", &target, target.count - 1) > 0 else { return getpid() }
    let text = target.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
    return text?.split(separator: "/").last.flatMap { pid_t($0) } ?? getpid()
  }

  // MARK: - On the loop's thread

  /// Starts to watch an invocation.
  ///
  /// - Returns: The number for `remove`; `nil` if it cannot be watched.
  func add(_ run: InvocationRun) -> Int? {
    let id = run.context.requestID.utf8
    guard id.count <= Self.maximumIDLength,
      let index = (0..<shared.pointee.count).first(where: { shared.pointee.watches[$0].answer == nil })
    else { return nil }
    let watch = shared.pointee.watches + index
    _ = UnsafeMutableBufferPointer(start: watch.pointee.id, count: id.count).update(from: id)
    watch.pointee.idLength = id.count
    watch.pointee.deadline = Self.now &+ Self.nanoseconds(run.time)
    watch.pointee.reserve = Self.nanoseconds(Runtime.reserve(of: run.time))
    watch.pointee.check = watch.pointee.deadline &- watch.pointee.reserve / 4 * 3
    // Set `answer` last, after a fence: the signal handler reads the other members once it is set.
    atomicMemoryFence(ordering: .releasing)
    watch.pointee.answer = run.answer.address
    if watch.pointee.check < shared.pointee.wakeup { Self.setTimer(shared, watch.pointee.check, now: Self.now) }
    return index
  }

  /// Stops watching an invocation. The timer stays set.
  func remove(_ index: Int) { shared.pointee.watches[index].answer = nil }

  private static func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = min(max(duration, .zero), .seconds(31_536_000)).components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  // MARK: - In the signal handler

  private static func fired(_ info: UnsafeMutablePointer<siginfo_t>?) {
    let error = errno
    if let shared = info?.pointee.pointer?.assumingMemoryBound(to: Shared.self) {
      shared.pointee.wakeup = .max
      act(shared, now: now)
    }
    errno = error
  }

  /// Ends the process if the loop is blocked in an invocation that is due; otherwise sets the timer for the next check.
  private static func act(_ shared: UnsafeMutablePointer<Shared>, now: Int64) {
    let pulse = shared.pointee.pulse.pointee.load(ordering: .relaxed)
    // Odd: the loop waits.
    if pulse & 1 == 1 || pulse != shared.pointee.lastPulse {
      shared.pointee.lastPulse = pulse
      shared.pointee.pulseTime = now
    }
    var next = Int64.max
    var index = 0
    while index < shared.pointee.count {
      let watch = shared.pointee.watches + index
      index += 1
      guard let answer = watch.pointee.answer else { continue }
      if watch.pointee.check <= now {
        if now &- shared.pointee.pulseTime >= watch.pointee.reserve / 4 { end(shared, watch, answer) }
        watch.pointee.check = now &+ max(1, watch.pointee.reserve / 8)
      }
      // After the deadline, Lambda itself ends the invocation.
      if watch.pointee.check < watch.pointee.deadline { next = min(next, watch.pointee.check) }
    }
    if next < .max { setTimer(shared, next, now: now) }
  }

  private static func end(
    _ shared: UnsafeMutablePointer<Shared>, _ watch: UnsafeMutablePointer<Watch>, _ answer: UnsafeMutableRawPointer
  ) -> Never {
    let id = UnsafeBufferPointer(start: watch.pointee.id, count: watch.pointee.idLength)
    if AnswerOnce.seize(answer) { shared.pointee.report.deliver(id, until: watch.pointee.deadline) }
    shared.pointee.line.write(id)
    _exit(1)
  }

  private static func setTimer(_ shared: UnsafeMutablePointer<Shared>, _ time: Int64, now: Int64) {
    #if os(Linux)
      shared.pointee.wakeup = time
      // Zero would stop the timer.
      let left = max(1, time &- now)
      var setting = itimerspec()
      setting.it_value.tv_sec = Int(left / 1_000_000_000)
      setting.it_value.tv_nsec = Int(left % 1_000_000_000)
      _ = timer_settime(shared.pointee.timer, 0, &setting, nil)
    #endif
  }

  /// Nanoseconds of `CLOCK_MONOTONIC`.
  static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

#if os(Linux)
  extension sigaction {
    fileprivate mutating func setHandler(
      _ handler: @convention(c) (Int32, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?) -> Void
    ) {
      #if canImport(Musl)
        __sa_handler.sa_sigaction = handler
      #else
        __sigaction_handler.sa_sigaction = handler
      #endif
    }
  }

  extension sigevent {
    fileprivate mutating func setThread(_ thread: pid_t) {
      #if canImport(Musl)
        __sev_fields.sigev_notify_thread_id = thread
      #else
        _sigev_un._tid = thread
      #endif
    }
  }
#endif

extension siginfo_t {
  /// `si_value` of a timer's signal.
  fileprivate var pointer: UnsafeMutableRawPointer? {
    #if canImport(Glibc)
      _sifields._rt.si_sigval.sival_ptr
    #elseif canImport(Musl)
      __si_fields.__si_common.__second.si_value.sival_ptr
    #else
      nil
    #endif
  }
}
