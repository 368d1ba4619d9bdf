#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// An estimate of the function's timeout from earlier deadlines. Lambda sends a runtime each invocation's deadline, but
/// not the timeout.
struct TimeoutEstimate: Sendable {
  /// The longest timeout that Lambda allows: 15 minutes. Used until the first valid deadline.
  static let maximum: TimeInterval = 900
  /// A deadline further ahead, in seconds, is an error.
  private static let horizon: TimeInterval = 86_400

  /// The longest time that an invocation had left when it arrived.
  private var longest: TimeInterval?

  /// Reads the header `Lambda-Runtime-Deadline-Ms`.
  ///
  /// - Returns: The deadline, and what is wrong with the header if the deadline is an estimate.
  mutating func deadline(_ header: String?, now: Date) -> (deadline: Date, problem: String?) {
    switch Self.parse(header, now: now) {
    case .success(let deadline):
      longest = max(longest ?? 0, min(deadline.timeIntervalSince(now), Self.maximum))
      return (deadline, nil)
    case .failure(let problem):
      return (now.addingTimeInterval(longest ?? Self.maximum), problem.description)
    }
  }

  private static func parse(_ header: String?, now: Date) -> Result<Date, Problem> {
    guard let header, !header.isEmpty else { return .failure(Problem("is missing")) }
    guard let milliseconds = Int64(header) else {
      return .failure(Problem("is \(String(header.prefix(32)).debugDescription), which is not a whole number"))
    }
    let deadline = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
    let remaining = deadline.timeIntervalSince(now)
    guard remaining > 0 else { return .failure(Problem("is \(milliseconds), which is in the past")) }
    guard remaining <= horizon else {
      return .failure(Problem("is \(milliseconds), which is more than a day ahead"))
    }
    return .success(deadline)
  }

  private struct Problem: Error {
    let description: String
    init(_ description: String) { self.description = description }
  }
}
