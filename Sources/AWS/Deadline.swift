#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The moment by which the work of this task has to be over.
public enum Deadline {
  /// Within `Deadline.$current.withValue(date) { … }` no AWS call starts a further attempt past that date, and none
  /// waits longer than until then for its answer. `nil`: calls only have their own timeouts.
  @TaskLocal public static var current: Date?

  /// What is left until the deadline, no more than `longest`.
  static func remaining(atMost longest: Duration) -> Duration {
    guard let current else { return longest }
    return min(longest, .seconds(current.timeIntervalSinceNow))
  }
}
