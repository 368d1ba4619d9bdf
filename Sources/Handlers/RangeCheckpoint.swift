import WebSocketAPI

/// The progress of one range of a round.
public struct RangeCheckpoint: Sendable, Equatable {
  /// The connection through which the range was served, in the order of the room's keys; `nil` at its start.
  public var after: String?
  /// Whether the whole range was served.
  public var isDone: Bool
  /// The connections that were reached.
  public var reached: Int
  /// The connections that were closed, or whose rows had expired.
  public var gone: Int
  /// The connections whose client did not read.
  public var slow: Int
  /// The connections that were not reached.
  public var failed: Int

  /// Creates a checkpoint.
  ///
  /// - Parameters:
  ///   - after: the connection through which the range was served.
  ///   - isDone: whether the whole range was served.
  ///   - reached: the connections that were reached.
  ///   - gone: the connections that were closed.
  ///   - slow: the connections whose client did not read.
  ///   - failed: the connections that were not reached.
  public init(
    after: String? = nil, isDone: Bool = false, reached: Int = 0, gone: Int = 0, slow: Int = 0, failed: Int = 0
  ) {
    self.after = after
    self.isDone = isDone
    self.reached = reached
    self.gone = gone
    self.slow = slow
    self.failed = failed
  }

  /// The number of connections.
  var total: Int { reached + gone + slow + failed }

  /// The checkpoint after a part of the range was served that began at this one.
  ///
  /// - Parameters:
  ///   - servedThrough: the connection through which the range is served; `nil` if that has not changed.
  ///   - report: the results of the part.
  func advanced(to servedThrough: String?, _ report: BroadcastReport) -> RangeCheckpoint {
    RangeCheckpoint(
      after: servedThrough ?? after, isDone: report.isComplete, reached: reached + report.reached,
      gone: gone + report.gone + report.expired, slow: slow + report.slow, failed: failed + report.failed)
  }

  /// The sums of both.
  static func + (left: RangeCheckpoint, right: RangeCheckpoint) -> RangeCheckpoint {
    RangeCheckpoint(
      isDone: left.isDone && right.isDone, reached: left.reached + right.reached, gone: left.gone + right.gone,
      slow: left.slow + right.slow, failed: left.failed + right.failed)
  }
}
