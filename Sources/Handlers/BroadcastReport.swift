import Log

/// What came of a broadcast.
public struct BroadcastReport: Sendable {
  /// Connections that got the message.
  public var reached = 0
  /// Connections that were gone.
  public var gone = 0
  /// Connections that could not be reached though they may be live.
  public var failed = 0
  /// Connections that were read, and not tried or not waited for because the time was over.
  public var notTried = 0
  /// The first failure of a post.
  public var firstFailure: (any Error)?
  /// What kept the rest of the table from being read.
  public var readError: (any Error)?

  /// Whether every live connection got the message.
  public var reachedEveryone: Bool { failed == 0 && notTried == 0 && readError == nil }

  /// Writes one line: the counts, and the first failure for all of them.
  func log(to logger: Logger) {
    let counts: [String: Logger.Value] = [
      "reached": .int(reached), "gone": .int(gone), "failed": .int(failed), "notTried": .int(notTried),
    ]
    if let readError {
      logger.error("The table of connections could not be read to its end.", error: readError, counts)
    }
    if failed > 0 || notTried > 0 {
      logger.error("The message did not reach everyone.", error: firstFailure, counts)
    } else if readError == nil {
      logger.debug("The message reached everyone.", counts)
    }
  }
}
