import AWS

/// Deliveries in the table of messages, in partitions that no room can have: its name holds no colon.
///
/// | `room` | `id` | attributes |
/// |---|---|---|
/// | `queue:` and the room | the message's id | `frame`, `kind` |
/// | `delivery:` | the room | `delivery`, `ranges`, `until`, `isFull`, `isStarted`, `startBy` |
/// | `round:` and the round's id | `frame` | `frame`, `messages`, `rangeCount` |
/// | `round:` and the round's id | `range:` and the range's lower bound | `after`, `isDone`, the counts |
///
/// All of them expire after a day.
public struct DynamoDBDeliveryStore: DeliveryStore {
  /// In seconds.
  private static let lifetime = 86_400
  private static let leasePartition = "delivery:"
  private static let leaseAttributes = ["id", "delivery", "ranges", "until", "isFull", "isStarted", "startBy"]
  private static let frameKey = "frame"
  private static let rangePrefix = "range:"
  /// Rows of the queue in a page; DynamoDB ends a page of larger ones at 1 MB.
  private static let queuePage = 200
  /// Deletions in flight.
  private static let maximumDeletions = 32

  private let dynamoDB: DynamoDB
  private let table: String

  /// Creates a store.
  ///
  /// - Parameters:
  ///   - dynamoDB: the client.
  ///   - table: the table's name.
  public init(_ dynamoDB: DynamoDB, table: String) {
    self.dynamoDB = dynamoDB
    self.table = table
  }

  private static func key(_ partition: String, _ id: String) -> DynamoDB.Item {
    ["room": .string(partition), "id": .string(id)]
  }

  private static func queue(_ room: String) -> String { "queue:" + room }

  private static func lease(_ room: String) -> DynamoDB.Item { key(leasePartition, room) }

  private static func partition(_ round: MessageID) -> String { "round:" + round.text }

  private static func expiry(_ id: MessageID) -> AttributeValue { .int(id.time / 1000 + lifetime) }

  // MARK: - Queue

  /// Adds a message to a room's queue.
  public func enqueue(_ message: WaitingMessage, room: String) async throws {
    let attributes: DynamoDB.Item = [
      "frame": .string(String(decoding: message.frame, as: UTF8.self)), "kind": .string(message.kind.rawValue),
      "expiresAt": Self.expiry(message.id),
    ]
    try await dynamoDB.putItem(
      attributes.merging(Self.key(Self.queue(room), message.id.text)) { $1 }, table: table)
  }

  /// Reads pages of a room's queue until they hold two frames.
  public func waiting(room: String) async throws -> [WaitingMessage] {
    var messages: [WaitingMessage] = []
    var bytes = 0
    var start: DynamoDB.Item?
    repeat {
      let page = try await dynamoDB.query(
        table: table, .partition("room", .string(Self.queue(room))), attributes: ["id", "frame", "kind"], from: start,
        limit: Self.queuePage, isConsistent: true)
      for item in page.items {
        guard let id = item["id"]?.string.flatMap({ MessageID($0) }), let frame = item["frame"]?.string,
          let kind = item["kind"]?.string.flatMap({ WaitingMessage.Kind(rawValue: $0) })
        else { continue }
        messages.append(WaitingMessage(id: id, kind: kind, frame: Array(frame.utf8)))
        bytes += frame.utf8.count
      }
      start = page.lastEvaluatedKey
    } while start != nil && bytes <= 2 * GatheredFrame.maximumBytes
    return messages
  }

  /// Deletes messages from a room's queue, several at a time.
  public func dequeue(_ ids: [MessageID], room: String) async throws {
    try await delete(ids.map { Self.key(Self.queue(room), $0.text) })
  }

  private func delete(_ keys: [DynamoDB.Item]) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, key) in keys.enumerated() {
        if index >= Self.maximumDeletions { try await group.next() }
        group.addTask { try await dynamoDB.deleteItem(key: key, table: table) }
      }
      try await group.waitForAll()
    }
  }

  // MARK: - Lease

  /// Reads a room's lease.
  public func delivery(room: String) async throws -> Delivery? {
    try await dynamoDB.getItem(key: Self.lease(room), table: table, isConsistent: true).flatMap { Delivery($0) }
  }

  /// Reads the leases of all rooms.
  public func deliveries() async throws -> [Delivery] {
    var deliveries: [Delivery] = []
    var start: DynamoDB.Item?
    repeat {
      let page = try await dynamoDB.query(
        table: table, .partition("room", .string(Self.leasePartition)), attributes: Self.leaseAttributes, from: start)
      deliveries += page.items.compactMap { Delivery($0) }
      start = page.lastEvaluatedKey
    } while start != nil
    return deliveries
  }

  /// Writes a room's lease by a conditional update.
  public func take(_ delivery: Delivery, now: Int) async throws -> Bool {
    try await write(
      delivery,
      .any([.missing("delivery"), .all([.atMost("until", .int(now)), .equal("isStarted", .bool(true))])]))
  }

  /// Replaces a room's lease by a conditional update.
  public func replace(_ round: MessageID, with delivery: Delivery) async throws -> Bool {
    try await write(delivery, Self.isOf(round))
  }

  private func write(_ delivery: Delivery, _ condition: DynamoDB.Condition) async throws -> Bool {
    switch try await dynamoDB.set(
      delivery.attributes.merging(["expiresAt": Self.expiry(delivery.round)]) { $1 }, key: Self.lease(delivery.room),
      table: table, condition: condition)
    {
    case .updated: return true
    // A retry after a lost response finds the lease written.
    case .refused(let item): return item.flatMap { Delivery($0) }?.round == delivery.round
    }
  }

  /// Extends the times of a lease that has not started by a conditional update.
  public func adopt(_ delivery: Delivery, now: Int) async throws -> Delivery? {
    let update = try await dynamoDB.set(
      ["until": .int(delivery.until), "startBy": .int(delivery.startBy ?? delivery.until)],
      key: Self.lease(delivery.room), table: table,
      condition: .all([
        Self.isOf(delivery.round), .equal("isStarted", .bool(false)), .atMost("startBy", .int(now)),
      ]))
    return Self.delivery(update)
  }

  /// Records the start by a conditional update.
  public func started(_ round: MessageID, room: String, until: Int) async throws {
    // Refused: the workers have ended the round.
    _ = try await dynamoDB.set(
      ["isStarted": .bool(true), "until": .int(until)], key: Self.lease(room), table: table,
      condition: Self.isOf(round))
  }

  /// Renews a room's lease by a conditional update.
  public func renew(_ round: MessageID, room: String, until: Int, isFull: Bool?) async throws -> Delivery? {
    var attributes: DynamoDB.Item = ["until": .int(until)]
    attributes["isFull"] = isFull.map { .bool($0) }
    return Self.delivery(
      try await dynamoDB.set(attributes, key: Self.lease(room), table: table, condition: Self.isOf(round)))
  }

  /// Removes a range from those that are not finished by a conditional update.
  public func finish(_ range: String, of round: MessageID, room: String) async throws -> Delivery? {
    Self.delivery(
      try await dynamoDB.removeElements(
        [range], of: "ranges", key: Self.lease(room), table: table, condition: Self.isOf(round)))
  }

  /// Deletes a room's lease by a conditional deletion.
  public func release(_ round: MessageID, room: String) async throws {
    do {
      try await dynamoDB.deleteItem(key: Self.lease(room), table: table, condition: Self.isOf(round))
    } catch let error as AWSError where error.isConditionFailure {
      // Another worker has ended the round.
    }
  }

  private static func isOf(_ round: MessageID) -> DynamoDB.Condition { .equal("delivery", .string(round.text)) }

  private static func delivery(_ update: DynamoDB.Update) -> Delivery? {
    if case .updated(let item) = update { Delivery(item) } else { nil }
  }

  // MARK: - Rounds

  /// Writes a round's frame.
  public func add(_ round: DeliveryRound) async throws {
    let attributes: DynamoDB.Item = [
      "frame": .string(String(decoding: round.frame, as: UTF8.self)), "rangeCount": .int(round.rangeCount),
      "messages": .string(round.messages.map(\.text).joined(separator: " ")), "expiresAt": Self.expiry(round.id),
    ]
    try await dynamoDB.putItem(
      attributes.merging(Self.key(Self.partition(round.id), Self.frameKey)) { $1 }, table: table)
  }

  /// Reads a round's frame.
  public func round(_ id: MessageID) async throws -> DeliveryRound? {
    let key = Self.key(Self.partition(id), Self.frameKey)
    guard let item = try await dynamoDB.getItem(key: key, table: table, isConsistent: true),
      let frame = item["frame"]?.string, let rangeCount = item["rangeCount"]?.int
    else { return nil }
    let messages = (item["messages"]?.string ?? "").split(separator: " ").compactMap { MessageID($0) }
    return DeliveryRound(id: id, frame: Array(frame.utf8), messages: messages, rangeCount: rangeCount)
  }

  /// Writes the checkpoint of a range.
  public func save(_ checkpoint: RangeCheckpoint, range: String, of round: MessageID) async throws {
    let key = Self.key(Self.partition(round), Self.rangePrefix + range)
    try await dynamoDB.putItem(
      checkpoint.attributes.merging(key) { $1 }.merging(["expiresAt": Self.expiry(round)]) { $1 }, table: table)
  }

  /// Reads the checkpoint of a range.
  public func checkpoint(range: String, of round: MessageID) async throws -> RangeCheckpoint? {
    let key = Self.key(Self.partition(round), Self.rangePrefix + range)
    return try await dynamoDB.getItem(key: key, table: table, isConsistent: true).map { RangeCheckpoint($0) }
  }

  /// Reads the checkpoints, and deletes the rows.
  public func remove(round: MessageID) async throws -> [RangeCheckpoint] {
    let partition = Self.partition(round)
    // One page: at most 64 small rows, which sort behind the frame.
    let page = try await dynamoDB.query(
      table: table,
      .partition("room", .string(partition)).and(
        "id", from: .string(Self.rangePrefix), to: .string(Self.rangePrefix + "g")),
      attributes: ["id"] + RangeCheckpoint.attributeNames, isConsistent: true)
    let keys = page.items.compactMap { $0["id"]?.string } + [Self.frameKey]
    try await delete(keys.map { Self.key(partition, $0) })
    return page.items.map { RangeCheckpoint($0) }
  }
}

extension Delivery {
  fileprivate var attributes: DynamoDB.Item {
    var item: DynamoDB.Item = [
      "delivery": .string(round.text), "until": .int(until), "isFull": .bool(isFull),
      "isStarted": .bool(startBy == nil), "startBy": .int(startBy ?? 0),
    ]
    if !ranges.isEmpty { item["ranges"] = .stringSet(ranges.sorted()) }
    return item
  }

  fileprivate init?(_ item: DynamoDB.Item) {
    guard let room = item["id"]?.string, let until = item["until"]?.int,
      let round = item["delivery"]?.string.flatMap({ MessageID($0) })
    else { return nil }
    self.init(
      room: room, round: round, ranges: Set(item["ranges"]?.stringSet ?? []), until: until,
      isFull: item["isFull"] == .bool(true), startBy: item["isStarted"] == .bool(true) ? nil : item["startBy"]?.int)
  }
}

extension RangeCheckpoint {
  fileprivate static let attributeNames = ["after", "isDone", "reached", "gone", "slow", "failed"]

  fileprivate var attributes: DynamoDB.Item {
    var item: DynamoDB.Item = [
      "isDone": .bool(isDone), "reached": .int(reached), "gone": .int(gone), "slow": .int(slow), "failed": .int(failed),
    ]
    item["after"] = after.map { .string($0) }
    return item
  }

  fileprivate init(_ item: DynamoDB.Item) {
    self.init(
      after: item["after"]?.string, isDone: item["isDone"] == .bool(true), reached: item["reached"]?.int ?? 0,
      gone: item["gone"]?.int ?? 0, slow: item["slow"]?.int ?? 0, failed: item["failed"]?.int ?? 0)
  }
}
