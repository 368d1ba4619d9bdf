/// The progress of a broadcast to a range of a room.
public struct BroadcastProgress: Sendable {
  /// The connection through which the range is served, in the order of its keys: a broadcast that starts after this
  /// connection reaches all others. `nil` while the first row has no final result, if the broadcast starts with it.
  public let servedThrough: String?
  /// The results so far. They include those of connections behind `servedThrough`.
  public let report: BroadcastReport

  /// Creates a progress.
  ///
  /// - Parameters:
  ///   - servedThrough: the connection through which the range is served.
  ///   - report: the results so far.
  public init(servedThrough: String?, report: BroadcastReport) {
    self.servedThrough = servedThrough
    self.report = report
  }
}
