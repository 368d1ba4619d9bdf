import Synchronization

/// Acts when an invocation's deadline comes, with one sleeping task for the whole of a loop.
///
/// A sleep for each invocation would do, but the system keeps a cancelled sleep until its time: a busy function would
/// hold on to those of the last 30 seconds.
final class DeadlineWatch: Sendable {
  private struct State {
    /// When to act, and what to do: `nil` between two invocations.
    var due: ContinuousClock.Instant?
    var action: (@Sendable () -> Void)?
    /// The one that sleeps, and until when.
    var sleeper: Task<Void, Never>?
    var wakes: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  deinit { state.withLock { $0.sleeper?.cancel() } }

  /// Acts after a while, unless `end()` comes first.
  func begin(in time: Duration, action: @escaping @Sendable () -> Void) {
    let due = ContinuousClock.now + time
    state.withLock { state in
      state.due = due
      state.action = action
      // Who sleeps already looks for the next deadline when awake; only an earlier one needs another sleeper.
      if let wakes = state.wakes, wakes <= due { return }
      state.sleeper?.cancel()
      state.wakes = due
      state.sleeper = Task { [weak self] in
        var next: ContinuousClock.Instant? = due
        while let wakes = next {
          guard (try? await Task.sleep(until: wakes, clock: .continuous)) != nil else { return }
          next = self?.wake()
        }
      }
    }
  }

  /// The invocation is over.
  func end() {
    state.withLock { state in
      state.due = nil
      state.action = nil
    }
  }

  /// Acts if it is time, and gives the next time to wake, `nil` when there is nothing to wait for.
  private func wake() -> ContinuousClock.Instant? {
    let (next, action) = state.withLock { state -> (ContinuousClock.Instant?, (@Sendable () -> Void)?) in
      var action: (@Sendable () -> Void)?
      if let due = state.due, due <= .now {
        action = state.action
        state.due = nil
        state.action = nil
      }
      state.wakes = state.due
      return (state.due, action)
    }
    action?()
    return next
  }
}
