import AWS
import Log

/// What came of a broadcast. Each row that was read counts in exactly one of `reached`, `gone`, `expired`, `failed` and
/// `notTried`.
public struct BroadcastReport: Sendable {
  /// Connections that API Gateway took the message for.
  public internal(set) var reached = 0
  /// Connections that were gone.
  public internal(set) var gone = 0
  /// Rows past their time, which nothing was sent to.
  public internal(set) var expired = 0
  /// Connections that may be live and for which the message was not taken, or not known to be.
  public var failed: Int { failures.values.reduce(0, +) }
  /// Connections that were read, but the time was over.
  public internal(set) var notTried = 0

  /// The failed posts by error code: the service's own, `NoResponse`, `InvalidResponse`, or the error's type.
  public private(set) var failures: [String: Int] = [:]
  /// The first of them.
  public private(set) var firstFailure: (any Error)?
  /// Rows of gone connections which could not be deleted.
  public private(set) var pruneFailures = 0
  /// The first failure to delete one.
  public private(set) var firstPruneFailure: (any Error)?
  /// What kept the rest of the table from being read.
  public internal(set) var readError: (any Error)?

  /// Whether every live connection got the message.
  public var reachedEveryone: Bool { failures.isEmpty && notTried == 0 && readError == nil }

  mutating func failed(_ error: any Error) {
    let code =
      switch error {
      case let error as AWSError: error.code
      case is ConnectionGone: "GoneException"
      default: "\(type(of: error))"
      }
    failures[code, default: 0] += 1
    firstFailure = firstFailure ?? error
  }

  mutating func pruneFailed(_ error: any Error) {
    pruneFailures += 1
    firstPruneFailure = firstPruneFailure ?? error
  }

  /// Writes one line for what kept the message from someone, one for rows that could not be deleted, one for a table
  /// that could not be read; the first error stands for all of its kind, each with all the counts.
  func log(to logger: Logger) {
    var counts: [String: Logger.Value] = [
      "reached": .int(reached), "gone": .int(gone), "expired": .int(expired), "failed": .int(failed),
      "notTried": .int(notTried),
    ]
    if !failures.isEmpty {
      let codes = failures.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
      counts["failures"] = .string(codes.joined(separator: ", "))
    }
    if let readError {
      logger.error("The table of connections could not be read to its end.", error: readError, counts)
    }
    if failed > 0 || notTried > 0 {
      logger.error("The message did not reach everyone.", error: firstFailure, counts)
    }
    if pruneFailures > 0 {
      counts["pruneFailures"] = .int(pruneFailures)
      logger.warn("Rows of gone connections could not be deleted.", error: firstPruneFailure, counts)
    }
    if reachedEveryone { logger.debug("The message reached everyone.", counts) }
  }

  /// The counts as metrics, and how long the broadcast took.
  func metrics(time: Duration) -> [Metrics.Metric] {
    [
      .init("Messages", .count, 1), .init("Reached", .count, Double(reached)), .init("Gone", .count, Double(gone)),
      .init("Failed", .count, Double(failed)), .init("NotTried", .count, Double(notTried)),
      .init("BroadcastTime", .milliseconds, time / .milliseconds(1)),
    ]
  }
}
