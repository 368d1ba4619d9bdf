import Synchronization

/// The retry budget of one service: each retry withdraws tokens, and only success deposits any.
///
/// The budget limits retries to a service that fails persistently. Each service has a separate budget, so that failures
/// of one service do not use up the retries of another.
final class RetryTokens: Sendable {
  /// The capacity in the AWS SDKs' standard mode.
  private static let capacity = 500
  private let available = Mutex(capacity)

  /// Withdraws the cost of a retry.
  ///
  /// - Returns: `false` if there are too few tokens; nothing is withdrawn then.
  func withdraw(_ cost: Int) -> Bool {
    available.withLock { available in
      guard available >= cost else { return false }
      available -= cost
      return true
    }
  }

  /// Refunds the cost of a successful call's last retry, or adds one token for a call that paid for none.
  func deposit(afterRetryCosting cost: Int) {
    available.withLock { $0 = min($0 + max(cost, 1), Self.capacity) }
  }
}
