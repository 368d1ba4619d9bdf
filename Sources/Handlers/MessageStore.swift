/// The kept messages of all rooms.
public protocol MessageStore: Sendable {
  /// Keeps a message. Keeping it again with the same id changes nothing.
  ///
  /// - Parameter frame: the frame that its readers receive: JSON in UTF-8.
  func keep(_ frame: [UInt8], id: MessageID, room: String) async throws

  /// Deletes a message.
  ///
  /// - Returns: whether there was one.
  func delete(_ id: MessageID, room: String) async throws -> Bool

  /// Reads the messages of a room between two ids, both included, as the latest writes left them.
  ///
  /// - Parameters:
  ///   - isAscending: whether the earliest message comes first, and the latest are left out beyond the limit.
  ///   - limit: the most messages to read.
  func messages(
    room: String, from first: MessageID, to last: MessageID, isAscending: Bool, limit: Int
  ) async throws -> MessagePage
}
