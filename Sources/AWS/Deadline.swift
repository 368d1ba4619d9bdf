#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The moment by which the work of this task has to be over.
public enum Deadline {
  /// Within `Deadline.$current.withValue(date) { … }` no AWS call starts an attempt past that date, and none waits
  /// longer than until then for its answer. `nil`: calls only have their own timeouts.
  @TaskLocal public static var current: Date?

  /// What is left until the deadline: at least zero, at most `longest`, whatever date was set.
  public static func remaining(atMost longest: Duration) -> Duration {
    guard let seconds = current?.timeIntervalSinceNow else { return longest }
    // In this order, since a Double that no Duration can hold would trap. Not-a-number counts as over.
    guard seconds > 0 else { return .zero }
    return seconds < longest / .seconds(1) ? .seconds(seconds) : longest
  }
}
