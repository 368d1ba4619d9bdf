/// A wait that ends at a given time or when it is cancelled. Created on any thread, used on the loop's thread only.
package final class Sleeper: @unchecked Sendable {
  fileprivate let due: ContinuousClock.Instant
  private var end: ((Result<Void, CancellationError>) -> Void)?
  private var isCancelled = false

  init(due: ContinuousClock.Instant) { self.due = due }

  /// - Returns: whether the sleeper has to wait.
  fileprivate func begin(_ end: @escaping (Result<Void, CancellationError>) -> Void) -> Bool {
    // The cancellation of a task on another thread may arrive first.
    if isCancelled { end(.failure(CancellationError())) } else { self.end = end }
    return !isCancelled
  }

  func wake() { removeEnd()?(.success(())) }

  func cancel() {
    isCancelled = true
    removeEnd()?(.failure(CancellationError()))
  }

  private func removeEnd() -> ((Result<Void, CancellationError>) -> Void)? {
    defer { end = nil }
    return end
  }
}

/// The sleepers of a loop, used on its thread only.
struct Sleepers {
  /// Sorted by time, the first to wake at the end.
  private var sleepers: [Sleeper] = []

  /// - Parameter end: called once, by the time or by the cancellation.
  mutating func add(_ sleeper: Sleeper, end: @escaping (Result<Void, CancellationError>) -> Void) {
    guard sleeper.begin(end) else { return }
    sleepers.insert(sleeper, at: sleepers.firstIndex { $0.due <= sleeper.due } ?? sleepers.endIndex)
  }

  mutating func remove(_ sleeper: Sleeper) { sleepers.removeAll { $0 === sleeper } }

  /// Removes and returns the sleepers whose time has come, in order.
  mutating func removeDue(at now: ContinuousClock.Instant) -> [Sleeper] {
    var due: [Sleeper] = []
    while let sleeper = sleepers.last, sleeper.due <= now { due.append(sleepers.removeLast()) }
    return due
  }

  /// When the next sleeper wakes.
  var due: ContinuousClock.Instant? { sleepers.last?.due }
}

extension Duration {
  /// Milliseconds for C interfaces: rounded up, so that no wait is too short, and limited to 0...`Int32.max`.
  package var wholeMilliseconds: Int {
    guard self > .zero else { return 0 }
    let (seconds, attoseconds) = components
    guard seconds < Int64(Int32.max) / 1000 else { return Int(Int32.max) }
    return Int(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
