/// The connection table.
public protocol ConnectionStore: Sendable {
  /// Writes a connection's row.
  func add(_ connection: Connection) async throws

  /// Reads a connection's row with a strongly consistent read.
  ///
  /// - Returns: `nil` if there is no row.
  func connection(_ connectionID: String) async throws -> Connection?

  /// Reads a connection's row and counts a message against a limit, in one step.
  ///
  /// - Parameters:
  ///   - connectionID: the connection.
  ///   - limit: the limit on its messages.
  ///   - now: microseconds since 1970.
  func admit(_ connectionID: String, _ limit: MessageLimit, now: Int) async throws -> Admission

  /// Sets the time at which the person of a connection entered, unless it is set.
  ///
  /// - Parameters:
  ///   - connection: the values for attributes that the row lacks, `enteredAt` among them.
  ///   - isNew: whether a missing row is created.
  /// - Returns: the row after the update, `nil` if there is none.
  func enter(_ connection: Connection, createsMissing isNew: Bool) async throws -> Connection?

  /// Deletes a connection's row. A missing row is not an error.
  ///
  /// - Returns: the deleted row, `nil` if there was none.
  @discardableResult func remove(connectionID: String) async throws -> Connection?

  /// Deletes a row if it is unchanged since it was read. A rewritten or missing row is not an error.
  ///
  /// - Returns: the deleted row with all its attributes, `nil` if none was deleted.
  @discardableResult func removeIfUnchanged(_ connection: Connection) async throws -> Connection?

  /// Reads the connections of a person in all rooms: connection id, room, expiry. At most one page of the table.
  ///
  /// A row may be missing, or still present, for a moment after it was written or deleted.
  func connections(ofUser userID: String) async throws -> [Connection]

  /// Reads one page of a range of a room's rows in the order of their keys, with the attributes that a broadcast needs:
  /// connection id, timestamp, expiry.
  ///
  /// A row may be missing, or still present, for a moment after it was written or deleted.
  ///
  /// - Parameters:
  ///   - room: the room.
  ///   - range: the keys of the rows.
  ///   - connectionID: `next` of the previous page, or any other connection of the range; `nil` for the first page.
  func page(room: String, range: RoomRange, after connectionID: String?) async throws -> ConnectionPage

  /// Reads one page of a room's rows with all attributes of persons. The same as `page` otherwise.
  func people(room: String, after connectionID: String?) async throws -> ConnectionPage

  /// Reads the rows of a room whose persons have entered: as many as one page of the table holds.
  ///
  /// A row may be missing, or still present, for a moment after it was written or deleted.
  func entered(room: String) async throws -> RoomSample
}

extension ConnectionStore {
  /// Reads one page of all rows of a room, with the attributes that a broadcast needs.
  ///
  /// - Parameters:
  ///   - room: the room.
  ///   - connectionID: `next` of the previous page, `nil` for the first.
  public func page(room: String, after connectionID: String?) async throws -> ConnectionPage {
    try await page(room: room, range: .all, after: connectionID)
  }
}
