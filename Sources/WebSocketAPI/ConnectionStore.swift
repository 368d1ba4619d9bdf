/// The connection table.
public protocol ConnectionStore: Sendable {
  /// Writes a connection's row.
  func add(_ connection: Connection) async throws

  /// Reads a connection's row with a strongly consistent read.
  ///
  /// - Returns: `nil` if there is no row.
  func connection(_ connectionID: String) async throws -> Connection?

  /// Sets the time at which the person of a connection entered, unless it is set.
  ///
  /// - Parameter connection: the values for attributes that the row lacks, `enteredAt` among them. A missing row is
  ///   created.
  /// - Returns: the row after the update.
  func enter(_ connection: Connection) async throws -> Connection

  /// Deletes a connection's row. A missing row is not an error.
  ///
  /// - Returns: the deleted row, `nil` if there was none.
  @discardableResult func remove(connectionID: String) async throws -> Connection?

  /// Deletes a row if it is unchanged since it was read. A rewritten or missing row is not an error.
  ///
  /// - Returns: the deleted row with all its attributes, `nil` if none was deleted.
  @discardableResult func removeIfUnchanged(_ connection: Connection) async throws -> Connection?

  /// Reads one page of a room's rows, with the attributes that a broadcast needs: connection id, timestamp, expiry.
  ///
  /// A row may be missing, or still present, for a moment after it was written or deleted.
  ///
  /// - Parameters:
  ///   - room: the room.
  ///   - connectionID: `next` of the previous page, `nil` for the first.
  func page(room: String, after connectionID: String?) async throws -> ConnectionPage

  /// Reads one page of a room's rows, only those of connections that have entered.
  ///
  /// A row may be missing, or still present, for a moment after it was written or deleted.
  func entered(room: String) async throws -> RoomSample
}
