/// The deliveries to large rooms: waiting messages, one lease for each room, and the rounds with their checkpoints.
///
/// All reads are strongly consistent, except `deliveries()`. Every operation can be repeated.
public protocol DeliveryStore: Sendable {
  // MARK: - Queue

  /// Adds a message to a room's queue.
  func enqueue(_ message: WaitingMessage, room: String) async throws

  /// Reads a room's queue in the order of ids: at least two frames' worth of bytes, or all.
  func waiting(room: String) async throws -> [WaitingMessage]

  /// Deletes messages from a room's queue. Missing ones are no error.
  func dequeue(_ ids: [MessageID], room: String) async throws

  // MARK: - Lease

  /// Reads a room's lease; `nil` if it has none.
  func delivery(room: String) async throws -> Delivery?

  /// Reads the leases of all rooms, expired ones too.
  func deliveries() async throws -> [Delivery]

  /// Writes a room's lease if there is none, or an expired one of a round that has started.
  ///
  /// - Parameters:
  ///   - delivery: the lease.
  ///   - now: milliseconds since 1970.
  /// - Returns: whether the room has this lease now.
  func take(_ delivery: Delivery, now: Int) async throws -> Bool

  /// Writes a room's lease if it has the lease of a given round.
  ///
  /// - Parameters:
  ///   - round: the round.
  ///   - delivery: the lease that replaces it.
  /// - Returns: whether the room has this lease now.
  func replace(_ round: MessageID, with delivery: Delivery) async throws -> Bool

  /// Extends a lease whose round has not started in time, and the time for its start.
  ///
  /// - Parameters:
  ///   - delivery: the lease with its new times.
  ///   - now: milliseconds since 1970.
  /// - Returns: the lease; `nil` if it has started, has been adopted by another invocation or is gone.
  func adopt(_ delivery: Delivery, now: Int) async throws -> Delivery?

  /// Records that all workers of a round are invoked, if the room's lease is its own.
  ///
  /// - Parameters:
  ///   - round: the round.
  ///   - room: the room.
  ///   - until: the end of the lease, in milliseconds since 1970.
  func started(_ round: MessageID, room: String, until: Int) async throws

  /// Renews a room's lease if it is that of a round.
  ///
  /// - Parameters:
  ///   - round: the round.
  ///   - room: the room.
  ///   - until: the end of the lease, in milliseconds since 1970.
  ///   - isFull: whether more messages wait than one frame holds; `nil` leaves it as it is.
  /// - Returns: the lease; `nil` if the room's is another one.
  func renew(_ round: MessageID, room: String, until: Int, isFull: Bool?) async throws -> Delivery?

  /// Removes a range from those that are not finished, if the room's lease is that of a round.
  ///
  /// - Parameters:
  ///   - range: the lower bound of the range.
  ///   - round: the round.
  ///   - room: the room.
  /// - Returns: the lease; `nil` if the room's is another one.
  func finish(_ range: String, of round: MessageID, room: String) async throws -> Delivery?

  /// Deletes a room's lease if it is that of a round.
  func release(_ round: MessageID, room: String) async throws

  // MARK: - Rounds

  /// Writes a round's frame.
  func add(_ round: DeliveryRound) async throws

  /// Reads a round's frame; `nil` if the round has ended.
  func round(_ id: MessageID) async throws -> DeliveryRound?

  /// Writes the checkpoint of a range.
  ///
  /// - Parameters:
  ///   - checkpoint: the progress.
  ///   - range: the lower bound of the range.
  ///   - round: the round.
  func save(_ checkpoint: RangeCheckpoint, range: String, of round: MessageID) async throws

  /// Reads the checkpoint of a range; `nil` if it has none.
  func checkpoint(range: String, of round: MessageID) async throws -> RangeCheckpoint?

  /// Deletes a round's frame and checkpoints.
  ///
  /// - Returns: the checkpoints.
  @discardableResult func remove(round: MessageID) async throws -> [RangeCheckpoint]
}
