/// Bans, and the audit trail of moderation.
public protocol ModerationStore: Sendable {
  /// The end of a person's bans that apply to a room, in seconds since 1970; `nil` if none is in force.
  func bannedUntil(_ userID: String, room: String, now: Int) async throws -> Int?

  /// Bans a person until a time, which replaces an earlier ban from the same room.
  ///
  /// - Parameters:
  ///   - room: the room; `nil` for all rooms.
  ///   - until: seconds since 1970.
  func ban(_ userID: String, from room: String?, until: Int) async throws

  /// Ends a ban. A missing one is no error.
  func unban(_ userID: String, from room: String?) async throws

  /// Keeps an entry of the audit trail: JSON in UTF-8.
  func record(_ entry: [UInt8], id: MessageID) async throws

  /// Reads entries of the audit trail, the latest first.
  func entries(before id: MessageID?, limit: Int) async throws -> MessagePage
}
