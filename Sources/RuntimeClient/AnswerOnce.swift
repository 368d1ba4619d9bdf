import Synchronization

/// Grants the right to answer an invocation to the first who claims it: the handler's end or the deadline.
final class AnswerOnce: Sendable {
  private let isClaimed = Mutex(false)

  /// Returns true for the first caller only.
  func claim() -> Bool {
    isClaimed.withLock { isClaimed in
      defer { isClaimed = true }
      return !isClaimed
    }
  }
}
