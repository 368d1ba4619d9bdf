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

  /// How long the loop may wait for the first of them: whole milliseconds, none of them too short; an hour for nobody.
  func milliseconds(from now: ContinuousClock.Instant) -> Int32 {
    guard let due = sleepers.last?.due else { return 3_600_000 }
    let wait = min(max(now.duration(to: due), .zero), .seconds(3600)).components
    let (whole, rest) = (wait.attoseconds).quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
    return Int32(wait.seconds * 1000 + whole + (rest > 0 ? 1 : 0))
  }
}
