import Synchronization

/// Grants the right to answer an invocation to its first claimant only: the end of the handler, its stream, the
/// deadline, or the watchdog.
///
/// Lock-free, because the watchdog is a signal handler: it can interrupt the thread that claims at any point.
final class AnswerOnce: @unchecked Sendable {
  private static let unclaimed: UInt8 = 0
  private static let claimed: UInt8 = 1
  /// The deadline's error is being sent.
  private static let reporting: UInt8 = 2
  private static let seized: UInt8 = 3

  /// Outside the object, so that a signal handler can reach it without counting references.
  private let state = UnsafeMutablePointer<Atomic<UInt8>>.allocate(capacity: 1)

  init() { state.initialize(to: Atomic(Self.unclaimed)) }

  deinit {
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Returns true for the first caller only.
  func claim() -> Bool { Self.exchange(state, Self.unclaimed, Self.claimed) }

  /// Returns true for the first caller only, which sends the deadline's error and then calls `reported`.
  func claimForDeadline() -> Bool { Self.exchange(state, Self.unclaimed, Self.reporting) }

  /// Records that the service has received the deadline's error.
  func reported() { _ = Self.exchange(state, Self.reporting, Self.claimed) }

  /// Whether the watchdog answers the invocation and ends the process.
  var isSeized: Bool { state.pointee.load(ordering: .sequentiallyConsistent) == Self.seized }

  // MARK: - For the signal handler

  /// The state, as long as this object lives.
  var address: UnsafeMutableRawPointer { UnsafeMutableRawPointer(state) }

  /// Claims the right for the watchdog, which ends the process: also while the deadline's error is being sent, because
  /// a blocked event loop does not send the rest of it.
  static func seize(_ address: UnsafeMutableRawPointer) -> Bool {
    let state = address.assumingMemoryBound(to: Atomic<UInt8>.self)
    return exchange(state, unclaimed, seized) || exchange(state, reporting, seized)
  }

  private static func exchange(_ state: UnsafeMutablePointer<Atomic<UInt8>>, _ from: UInt8, _ to: UInt8) -> Bool {
    state.pointee.compareExchange(expected: from, desired: to, ordering: .sequentiallyConsistent).exchanged
  }
}
