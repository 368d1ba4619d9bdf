/// The entered connections on one page of a room.
///
/// Rows are ordered by a hash, so a page that is not the last is a uniform sample of the room.
public struct RoomSample: Sendable, Equatable {
  /// The rows.
  public let connections: [Connection]
  /// The share of the room that was read, above 0 and at most 1.
  public let share: Double

  /// Whether the whole room was read.
  public var isComplete: Bool { share >= 1 }

  /// Creates a sample.
  public init(_ connections: [Connection], share: Double = 1) {
    self.connections = connections
    self.share = share
  }
}
