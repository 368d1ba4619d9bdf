import Synchronization

/// Grants the right to answer an invocation to the first who claims it: the handler's end, its stream, the deadline, or the
/// watchdog.
final class AnswerOnce: Sendable {
  private enum State { case unclaimed, claimed, seized }

  private let state = Mutex(State.unclaimed)

  /// Returns true for the first caller only.
  func claim() -> Bool { claim(as: .claimed) }

  /// Claims the right for the watchdog, which ends the process.
  func seize() -> Bool { claim(as: .seized) }

  /// Whether the watchdog answers the invocation and ends the process.
  var isSeized: Bool { state.withLock { $0 == .seized } }

  private func claim(as claim: State) -> Bool {
    state.withLock { state in
      guard state == .unclaimed else { return false }
      state = claim
      return true
    }
  }
}
