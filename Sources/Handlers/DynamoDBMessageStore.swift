import AWS

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The kept messages in DynamoDB: `room` and `id` (the key), `frame`, and `expiresAt` (the TTL).
public struct DynamoDBMessageStore: MessageStore {
  private static let secondsPerDay = 86_400

  private let dynamoDB: DynamoDB
  private let table: String
  private let days: Int
  private let now: @Sendable () -> Date

  /// Creates a store.
  ///
  /// - Parameter days: the days for which a message is kept and read, at least 1.
  public init(_ dynamoDB: DynamoDB, table: String, days: Int, now: @escaping @Sendable () -> Date = { Date() }) {
    self.dynamoDB = dynamoDB
    self.table = table
    self.days = days
    self.now = now
  }

  /// Keeps a message.
  public func keep(_ frame: [UInt8], id: MessageID, room: String) async throws {
    let item: DynamoDB.Item = [
      "room": .string(room), "id": .string(id.text), "frame": .string(String(decoding: frame, as: UTF8.self)),
      "expiresAt": .int(id.time / 1000 + days * Self.secondsPerDay),
    ]
    try await dynamoDB.putItem(item, table: table)
  }

  /// Deletes a message.
  public func delete(_ id: MessageID, room: String) async throws -> Bool {
    try await dynamoDB.removeItem(key: ["room": .string(room), "id": .string(id.text)], table: table) != nil
  }

  /// Reads messages that have not expired, with a strongly consistent read. Items without a frame are skipped.
  public func messages(
    room: String, from first: MessageID, to last: MessageID, isAscending: Bool, limit: Int
  ) async throws -> MessagePage {
    // DynamoDB deletes expired items within days only.
    let oldest = MessageID.first(at: now().milliseconds - days * Self.secondsPerDay * 1000)
    let first = max(first, oldest)
    // DynamoDB refuses such a range.
    guard first <= last else { return .empty }
    // One more than asked for shows whether there are further ones.
    let page = try await dynamoDB.query(
      table: table,
      .partition("room", .string(room)).and("id", from: .string(first.text), to: .string(last.text)),
      attributes: ["frame"], limit: limit + 1, isAscending: isAscending, isConsistent: true)
    let frames = page.items.compactMap { $0["frame"]?.string.map { Array($0.utf8) } }
    return MessagePage(
      Array(frames.prefix(limit)), hasMore: frames.count > limit || page.lastEvaluatedKey != nil)
  }
}
