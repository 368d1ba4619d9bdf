/// The time by which the current task must end.
///
/// The runtime sets it for every invocation, so that every AWS call of every handler ends in time.
public enum Deadline {
  /// Within `Deadline.$current.withValue(instant) { … }` no AWS call starts an attempt after the instant or waits beyond
  /// it for a response. If it is `nil`, only the calls' own timeouts apply.
  @TaskLocal public static var current: ContinuousClock.Instant?

  /// The time left until the deadline: at least zero, at most `longest`.
  public static func remaining(atMost longest: Duration) -> Duration {
    guard let current else { return longest }
    return min(max(.zero, ContinuousClock.now.duration(to: current)), longest)
  }

  /// Runs an operation that must end after a duration, or by the current deadline if that is sooner.
  public static func within<Value>(
    _ duration: Duration, isolation: isolated (any Actor)? = #isolation, _ operation: () async throws -> Value
  ) async rethrows -> Value {
    // At most a year, so that the sum cannot overflow.
    let instant = ContinuousClock.now + min(max(duration, .zero), .seconds(31_536_000))
    return try await $current.withValue(current.map { min($0, instant) } ?? instant, operation: operation)
  }
}
