import Log
import Synchronization

/// The work that an invocation's handler registers to run after the answer, in order.
final class WorkAfterResponse: Sendable {
  typealias Work = @Sendable () async throws -> Void

  private struct State {
    var pending: [Work] = []
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Whether nothing is registered.
  var isEmpty: Bool { state.withLock { $0.pending.isEmpty } }

  /// Registers work.
  ///
  /// - Returns: False if the invocation is over.
  func add(_ work: @escaping Work) -> Bool {
    state.withLock { state in
      guard !state.isClosed else { return false }
      state.pending.append(work)
      return true
    }
  }

  /// Runs the registered work in order, including work that is registered meanwhile, and logs its errors. Ends when
  /// the task is cancelled, even if the work that runs sets its cancellation aside.
  func run(_ logger: Logger) async {
    while !Task.isCancelled, let work = next() {
      do {
        try await work()
      } catch {
        let error = FunctionError(error)
        logger.error(
          "Work after the response failed.",
          ["errorType": .string(error.type), "errorMessage": .string(error.message)])
      }
    }
  }

  /// Refuses further work, and drops what is registered.
  ///
  /// - Returns: The number of dropped pieces.
  func close() -> Int {
    state.withLock { state in
      state.isClosed = true
      return exchange(&state.pending, with: []).count
    }
  }

  private func next() -> Work? {
    state.withLock { state in
      guard !state.isClosed, !state.pending.isEmpty else { return nil }
      return state.pending.removeFirst()
    }
  }
}
