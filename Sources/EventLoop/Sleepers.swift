/// A wait for a time. All but its making happens on the loop's thread.
package final class Sleeper: @unchecked Sendable {
  fileprivate let due: ContinuousClock.Instant
  private var end: ((Result<Void, CancellationError>) -> Void)?
  private var isCancelled = false

  init(due: ContinuousClock.Instant) { self.due = due }

  /// - Returns: whether there is something to wait for.
  fileprivate func begin(_ end: @escaping (Result<Void, CancellationError>) -> Void) -> Bool {
    // The cancellation of a task that runs elsewhere may be here first.
    if isCancelled { end(.failure(CancellationError())) } else { self.end = end }
    return !isCancelled
  }

  func wake() { take()?(.success(())) }

  func cancel() {
    isCancelled = true
    take()?(.failure(CancellationError()))
  }

  private func take() -> ((Result<Void, CancellationError>) -> Void)? {
    defer { end = nil }
    return end
  }
}

/// Who sleeps on a loop, on the loop's thread alone.
struct Sleepers {
  /// The first to wake stands last.
  private var sleepers: [Sleeper] = []

  /// - Parameter end: is called once, whether the time or the cancellation came first.
  mutating func add(_ sleeper: Sleeper, end: @escaping (Result<Void, CancellationError>) -> Void) {
    guard sleeper.begin(end) else { return }
    sleepers.insert(sleeper, at: sleepers.firstIndex { $0.due <= sleeper.due } ?? sleepers.endIndex)
  }

  mutating func remove(_ sleeper: Sleeper) { sleepers.removeAll { $0 === sleeper } }

  /// Takes out whose time has come, the first of them first.
  mutating func removeDue(at now: ContinuousClock.Instant) -> [Sleeper] {
    var due: [Sleeper] = []
    while let sleeper = sleepers.last, sleeper.due <= now { due.append(sleepers.removeLast()) }
    return due
  }

  /// When the first of them is to wake.
  var due: ContinuousClock.Instant? { sleepers.last?.due }
}

extension Duration {
  /// For libcurl: rounded up, so that no wait is too short; none below zero, and as many as it takes at most.
  package var wholeMilliseconds: Int {
    let milliseconds = (self / .milliseconds(1)).rounded(.up)
    return Int(min(max(0, milliseconds), Double(Int32.max)))
  }
}
