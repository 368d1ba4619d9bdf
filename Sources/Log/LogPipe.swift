import Synchronization

/// A file descriptor that log lines are written to, one after another, from any thread.
///
/// A line waits for a slow reader, but only as long as `WaitBudget` and its invocation's deadline allow: a log line blocks
/// the event loop. Lines that cannot be written are counted, and a later line reports the number. A line that was cut off
/// is completed before anything else is written, so that frames and lines stay intact.
final class LogPipe: Sendable {
  private struct State {
    /// The rest of a line that was cut off.
    var unwritten: [UInt8] = []
    var dropped = 0
    var budget = WaitBudget()
  }

  let descriptor: Int32
  private let state = Mutex(State())

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// Writes one line, and before it a notice if lines were dropped.
  func write(_ line: [UInt8], until end: ContinuousClock.Instant?, notice: (Int) -> [UInt8]) {
    _ = ignoringBrokenPipes
    state.withLock { state in
      if !state.unwritten.isEmpty { _ = send(state.unwritten, isBegun: true, until: end, &state) }
      if state.unwritten.isEmpty, state.dropped > 0,
        send(notice(state.dropped), isBegun: false, until: end, &state)
      {
        state.dropped = 0
      }
      guard state.unwritten.isEmpty, state.dropped == 0, send(line, isBegun: false, until: end, &state) else {
        state.dropped += 1
        return
      }
    }
  }

  /// Writes a line or the rest of one; what is left of a line that was begun becomes `unwritten`.
  ///
  /// - Returns: Whether the line was begun.
  private func send(
    _ bytes: [UInt8], isBegun: Bool, until end: ContinuousClock.Instant?, _ state: inout State
  ) -> Bool {
    let outcome = writeBytes(bytes, to: descriptor) {
      let now = ContinuousClock.now
      let allowed = state.budget.available(at: now)
      let isWritable = waitUntilWritable(descriptor, for: end.map { min(allowed, now.duration(to: $0)) } ?? allowed)
      state.budget.spend(now.duration(to: .now))
      return isWritable
    }
    switch outcome {
    case .stalled(let written) where isBegun || written > 0:
      state.unwritten = Array(bytes.dropFirst(written))
      return true
    case .stalled:
      return false
    case .written:
      state.unwritten = []
      return true
    case .failed:
      // The reader has closed the pipe: drop the rest of the line.
      state.unwritten = []
      return false
    }
  }
}
