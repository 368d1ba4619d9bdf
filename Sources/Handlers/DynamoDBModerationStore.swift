import AWS

/// Bans and the audit trail in the table of messages, in partitions that no room can have: its name holds no colon.
///
/// A ban has `room` `ban:` and the person's id, `id` the room or `*`, and `expiresAt`, which is also the end of the ban. An
/// entry of the audit trail has `room` `audit:`, and `id` and `frame` as a message.
public struct DynamoDBModerationStore: ModerationStore {
  private static let auditPartition = "audit:"
  /// The time for which entries of the audit trail are kept, in seconds: a year.
  private static let auditAge = 366 * 86_400
  /// Sorts before every room.
  private static let allRooms = "*"

  private let dynamoDB: DynamoDB
  private let table: String

  /// Creates a store.
  public init(_ dynamoDB: DynamoDB, table: String) {
    self.dynamoDB = dynamoDB
    self.table = table
  }

  /// Reads a person's bans with a strongly consistent read.
  public func bannedUntil(_ userID: String, room: String, now: Int) async throws -> Int? {
    var start: DynamoDB.Item?
    var latest: Int?
    repeat {
      let page = try await dynamoDB.query(
        table: table, .partition("room", .string(Self.partition(userID))), attributes: ["id", "expiresAt"], from: start,
        isConsistent: true)
      for item in page.items {
        guard let place = item["id"]?.string, place == room || place == Self.allRooms,
          let until = item["expiresAt"]?.int,
          until > now
        else { continue }
        latest = max(latest ?? until, until)
      }
      start = page.lastEvaluatedKey
    } while start != nil
    return latest
  }

  /// Writes a ban.
  public func ban(_ userID: String, from room: String?, until: Int) async throws {
    try await dynamoDB.putItem(Self.key(userID, room).merging(["expiresAt": .int(until)]) { $1 }, table: table)
  }

  /// Deletes a ban.
  public func unban(_ userID: String, from room: String?) async throws {
    try await dynamoDB.deleteItem(key: Self.key(userID, room), table: table)
  }

  /// Keeps an entry.
  public func record(_ entry: [UInt8], id: MessageID) async throws {
    try await dynamoDB.putItem(
      [
        "room": .string(Self.auditPartition), "id": .string(id.text),
        "frame": .string(String(decoding: entry, as: UTF8.self)),
        "expiresAt": .int(id.time / 1000 + Self.auditAge),
      ], table: table)
  }

  /// Reads entries.
  public func entries(before id: MessageID?, limit: Int) async throws -> MessagePage {
    let page = try await dynamoDB.query(
      table: table,
      .partition("room", .string(Self.auditPartition)).and(
        "id", from: .string(MessageID.first(at: 0).text), to: .string((id?.predecessor ?? .greatest).text)),
      attributes: ["frame"], limit: limit, isAscending: false, isConsistent: true)
    return MessagePage(
      page.items.compactMap { $0["frame"]?.string.map { Array($0.utf8) } }, hasMore: page.lastEvaluatedKey != nil)
  }

  private static func partition(_ userID: String) -> String { "ban:" + userID }

  private static func key(_ userID: String, _ room: String?) -> DynamoDB.Item {
    ["room": .string(partition(userID)), "id": .string(room ?? allRooms)]
  }
}
