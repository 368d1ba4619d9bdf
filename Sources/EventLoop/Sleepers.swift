/// One task's sleep. All but its making happens on the loop's thread.
final class Sleeper: @unchecked Sendable {
  let due: ContinuousClock.Instant
  fileprivate var continuation: CheckedContinuation<Void, any Error>?
  fileprivate var isCancelled = false

  init(due: ContinuousClock.Instant) { self.due = due }
}

/// Who sleeps on a loop, on the loop's thread alone.
struct Sleepers {
  /// The first to wake stands last.
  private var sleepers: [Sleeper] = []

  mutating func add(_ sleeper: Sleeper, _ continuation: CheckedContinuation<Void, any Error>) {
    // The cancellation of a task that runs elsewhere may be here first.
    guard !sleeper.isCancelled else { return continuation.resume(throwing: CancellationError()) }
    sleeper.continuation = continuation
    sleepers.insert(sleeper, at: sleepers.firstIndex { $0.due <= sleeper.due } ?? sleepers.endIndex)
  }

  mutating func cancel(_ sleeper: Sleeper) {
    sleeper.isCancelled = true
    guard let continuation = sleeper.continuation else { return }
    sleeper.continuation = nil
    sleepers.removeAll { $0 === sleeper }
    continuation.resume(throwing: CancellationError())
  }

  mutating func wake(at now: ContinuousClock.Instant) {
    while let sleeper = sleepers.last, sleeper.due <= now {
      sleepers.removeLast()
      sleeper.continuation?.resume()
      sleeper.continuation = nil
    }
  }

  /// How long the loop may wait for the first of them: whole milliseconds, none of them too short; an hour for nobody.
  func milliseconds(from now: ContinuousClock.Instant) -> Int32 {
    guard let due = sleepers.last?.due else { return 3_600_000 }
    let wait = min(max(now.duration(to: due), .zero), .seconds(3600)).components
    let (whole, rest) = (wait.attoseconds).quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
    return Int32(wait.seconds * 1000 + whole + (rest > 0 ? 1 : 0))
  }
}
