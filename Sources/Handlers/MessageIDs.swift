import Synchronization

/// The ids of the messages of one process, in strictly ascending order.
final class MessageIDs: Sendable {
  private let sequence = Mutex(MessageIDSequence())

  /// - Parameter now: milliseconds since 1970.
  func next(now: Int) -> MessageID {
    sequence.withLock { sequence in
      var random = SystemRandomNumberGenerator()
      return sequence.next(now: now, using: &random)
    }
  }
}
