/// A timer that one client of a loop sets again and again. Used on the loop's thread only.
///
/// Setting it costs one store, where a `Sleeper` costs an insertion into a sorted array.
package final class LoopTimer {
  /// When to call the action; `nil` for never. It is reset before the call.
  package var due: ContinuousClock.Instant?
  private let action: () -> Void

  init(action: @escaping () -> Void) { self.action = action }

  /// Calls the action if its time has come.
  func fire(at now: ContinuousClock.Instant) {
    guard let due, due <= now else { return }
    self.due = nil
    action()
  }
}
