/// The delivery that is in progress in a large room: a lease, so that a room has one round at a time.
///
/// A round has begun once all its workers are invoked. Until then its messages may be in its frame alone, so that an
/// unfinished start is completed, and never replaced by another round.
public struct Delivery: Sendable, Equatable {
  /// The time for which a lease is valid without a renewal, in milliseconds.
  static let lifetime = 15_000
  /// The time for the start of a round, in milliseconds; after it, another invocation completes the start.
  static let startTime = 15_000

  /// The room.
  public let room: String
  /// The id of the current round.
  public let round: MessageID
  /// The lower bounds of the ranges that are not finished.
  public var ranges: Set<String>
  /// The end of the lease, in milliseconds since 1970.
  public var until: Int
  /// Whether more messages wait than one frame holds.
  public var isFull: Bool
  /// The time by which the round's workers must be invoked, in milliseconds since 1970; `nil` once they are.
  public var startBy: Int?

  /// Creates a lease.
  ///
  /// - Parameters:
  ///   - room: the room.
  ///   - round: the id of the current round.
  ///   - ranges: the lower bounds of the ranges that are not finished.
  ///   - until: the end of the lease, in milliseconds since 1970.
  ///   - isFull: whether more messages wait than one frame holds.
  ///   - startBy: the time by which the round's workers must be invoked; `nil` once they are.
  public init(
    room: String, round: MessageID, ranges: Set<String>, until: Int, isFull: Bool = false, startBy: Int? = nil
  ) {
    self.room = room
    self.round = round
    self.ranges = ranges
    self.until = until
    self.isFull = isFull
    self.startBy = startBy
  }

  /// Whether the lease is in force.
  ///
  /// - Parameter now: milliseconds since 1970.
  func isActive(at now: Int) -> Bool { until > now }

  /// Whether a message that is in the queue needs an invocation that starts or completes a round: no worker will look
  /// at the queue.
  ///
  /// - Parameter now: milliseconds since 1970.
  func needsStart(at now: Int) -> Bool { startBy.map { $0 <= now } ?? !isActive(at: now) }
}
