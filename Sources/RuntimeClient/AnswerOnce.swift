import Synchronization

/// Grants the right to answer an invocation to the first who claims it: the handler's end, its stream, or the deadline.
final class AnswerOnce: Sendable {
  private enum State {
    case unclaimed
    case claimed
    /// The deadline's error is to be sent.
    case claimedByDeadline
    /// The process ends.
    case seized
  }

  private let state = Mutex(State.unclaimed)

  /// Returns true for the first caller only.
  func claim() -> Bool { claim(as: .claimed) }

  /// Claims the right for the deadline's error; `confirm` follows once it is sent.
  func claimForDeadline() -> Bool { claim(as: .claimedByDeadline) }

  /// Records that the deadline's error is sent.
  func confirm() { state.withLock { if $0 == .claimedByDeadline { $0 = .claimed } } }

  /// Claims the right for the watchdog, also if the event loop has claimed it for the deadline's error and did not get to
  /// send it: both errors are the same, and the service accepts only the first.
  func seize() -> Bool {
    state.withLock { state in
      guard state == .unclaimed || state == .claimedByDeadline else { return false }
      state = .seized
      return true
    }
  }

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
