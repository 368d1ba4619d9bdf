import Synchronization

/// A task that starts on the current loop after a time, unless it is cancelled first.
///
/// Until then it is an entry in the loop's list. A task that sleeps would cost 4 % of the instructions of a Lambda
/// invocation, which starts one for its deadline and nearly always cancels it.
package final class DelayedTask: Sendable {
  private enum State {
    case waiting(Sleeper?)
    case started(Task<Void, any Error>)
    case cancelled
  }

  private let loop = EventLoop.current ?? .background
  private let operation: @Sendable () async throws -> Void
  private let state = Mutex(State.waiting(nil))

  /// Starts to wait.
  ///
  /// - Parameters:
  ///   - duration: the time to wait.
  ///   - operation: the task.
  package init(after duration: Duration, _ operation: @escaping @Sendable () async throws -> Void) {
    self.operation = operation
    loop.perform { [self] in
      let sleeper = loop.perform(after: duration) { _ = self.start() }
      let isWaiting = state.withLock { state in
        guard case .waiting = state else { return false }
        state = .waiting(sleeper)
        return true
      }
      if !isWaiting { loop.cancel(sleeper) }
    }
  }

  /// Ends the wait, or cancels the task if it has started.
  package func cancel() {
    state.withLock { state in
      switch state {
      case .waiting(let sleeper):
        state = .cancelled
        if let sleeper { loop.perform { [loop] in loop.cancel(sleeper) } }
      case .started(let task): task.cancel()
      case .cancelled: break
      }
    }
  }

  /// Waits for the end of the task, which starts now if it has not started yet.
  ///
  /// - Throws: the task's error; `CancellationError` if the wait was cancelled.
  package func finish() async throws {
    guard let task = start() else { throw CancellationError() }
    try await task.value
  }

  /// - Returns: the task; `nil` if the wait was cancelled.
  private func start() -> Task<Void, any Error>? {
    state.withLock { state in
      switch state {
      case .waiting:
        let task = EventLoop.$current.withValue(loop) { Task(executorPreference: loop, operation: operation) }
        state = .started(task)
        return task
      case .started(let task): return task
      case .cancelled: return nil
      }
    }
  }
}
