import AWS
import Log

/// The results of a broadcast. Each row that was read counts in exactly one of `reached`, `gone`, `expired`, `slow`,
/// `failed` and `notTried`.
public struct BroadcastReport: Sendable {
  /// Connections for which API Gateway accepted the message.
  public internal(set) var reached = 0
  /// Connections that were closed.
  public internal(set) var gone = 0
  /// Rows past their expiry, which were not posted to.
  public internal(set) var expired = 0
  /// Connections whose client did not read: API Gateway refused the message for it (429), also in later rounds.
  public internal(set) var slow = 0
  /// Connections that may be open and for which the message was not accepted, or may not have been accepted.
  public var failed: Int { failures.values.reduce(0, +) }
  /// Connections that were read but not posted to before the deadline.
  public internal(set) var notTried = 0

  /// The failed posts by error code: the service's own, `NoResponse`, `InvalidResponse`, or the error's type.
  ///
  /// At most `maximumCodes` different ones; the rest count as `Other`.
  public private(set) var failures: [String: Int] = [:]
  /// The first failure.
  public private(set) var firstFailure: (any Error)?
  /// The deleted rows of closed connections whose persons had entered: the first `maximumDeparted`.
  public private(set) var departed: [Connection] = []
  /// Rows of closed connections that could not be deleted.
  public private(set) var pruneFailures = 0
  /// The first failure to delete a row.
  public private(set) var firstPruneFailure: (any Error)?
  /// The error that kept the rest of the table from being read.
  public internal(set) var readError: (any Error)?

  /// The connection through which a range of a room was served, in the order of its keys: a broadcast that starts after
  /// this connection reaches all others. `nil` if the broadcast started with the first row and that has no final
  /// result, and for a broadcast that is not to a range.
  public internal(set) var servedThrough: String?
  /// Whether the room, or the range of it, was read to its end and each row of it has a final result.
  public internal(set) var isComplete = false

  /// Bounds memory and the log line if a service returns ever new codes.
  static let maximumCodes = 16
  /// The most rows in `departed`: bounds memory where many connections of a large room are gone.
  public static let maximumDeparted = 1000

  /// Whether every connection that is open and reads received the message.
  public var isSuccess: Bool { failures.isEmpty && notTried == 0 && readError == nil }

  mutating func failed(_ error: any Error) {
    let code =
      switch error {
      case let error as AWSError: error.code
      case is ConnectionGone: "GoneException"
      default: "\(type(of: error))"
      }
    let isCounted = failures[code] != nil || failures.count < Self.maximumCodes
    failures[isCounted ? code : "Other", default: 0] += 1
    firstFailure = firstFailure ?? error
  }

  mutating func pruned(_ row: Connection?) {
    guard let row, row.enteredAt != nil, departed.count < Self.maximumDeparted else { return }
    departed.append(row)
  }

  mutating func pruneFailed(_ error: any Error) {
    pruneFailures += 1
    firstPruneFailure = firstPruneFailure ?? error
  }

  /// Writes one line for messages that were not delivered, one for rows that could not be deleted, and one for a table
  /// that could not be read. Each has all counts and the first error of its kind.
  ///
  /// - Parameters:
  ///   - logger: writes the lines.
  ///   - isContinued: whether another broadcast serves the connections that were not tried and not read.
  public func log(to logger: Logger, isContinued: Bool = false) {
    var counts: [String: Logger.Value] = [
      "reached": .int(reached), "gone": .int(gone), "expired": .int(expired), "slow": .int(slow),
      "failed": .int(failed), "notTried": .int(notTried),
    ]
    if !failures.isEmpty {
      let codes = failures.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
      counts["failures"] = .string(codes.joined(separator: ", "))
    }
    if let readError, !isContinued {
      logger.error("The connection table could not be read to its end.", error: readError, counts)
    }
    if failed > 0 || (notTried > 0 && !isContinued) {
      logger.error("The message did not reach every open connection.", error: firstFailure, counts)
    }
    if pruneFailures > 0 {
      counts["pruneFailures"] = .int(pruneFailures)
      logger.warn("Rows of closed connections could not be deleted.", error: firstPruneFailure, counts)
    }
    if isSuccess, slow > 0 { logger.info("Slow clients missed the message.", counts) }
    if isSuccess, slow == 0 { logger.debug("The message reached every open connection.", counts) }
  }

  /// The counts and the duration as metrics.
  public func metrics(time: Duration) -> [Metrics.Metric] {
    [
      .init("Messages", .count, 1), .init("Reached", .count, Double(reached)), .init("Gone", .count, Double(gone)),
      .init("Slow", .count, Double(slow)), .init("Failed", .count, Double(failed)),
      .init("NotTried", .count, Double(notTried)),
      .init("BroadcastTime", .milliseconds, time / .milliseconds(1)),
    ]
  }
}
