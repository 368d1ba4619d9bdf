import AWS

/// The connection table in DynamoDB.
///
/// Its key is `connectionId`; `expiresAt` is its TTL attribute. Its index `room` has the keys `room` and `roomKey` and
/// projects `timestamp`, `expiresAt`, `userId`, `name` and `enteredAt`. Its index `user` has the key `userId` and projects
/// `room` and `expiresAt`.
public struct DynamoDBConnectionStore: ConnectionStore {
  private static let index = "room"
  private static let userIndex = "user"
  private static let projection = ["connectionId", "timestamp", "expiresAt", "userId", "name", "enteredAt"]
  /// Updates of one row that may come between a read and a write of it before a message is refused.
  private static let maximumConflicts = 8

  private let dynamoDB: DynamoDB
  private let table: String
  private let pageLimit: Int

  /// The default number of rows in a page. About six thousand fit into DynamoDB's 1 MB; a sixth of that keeps memory
  /// flat, and the next page arrives long before the current one is posted.
  public static let defaultPageLimit = 1000

  /// Creates a store.
  ///
  /// - Parameters:
  ///   - dynamoDB: the client.
  ///   - table: the table's name.
  ///   - pageLimit: the most rows in a page.
  public init(_ dynamoDB: DynamoDB, table: String, pageLimit: Int = defaultPageLimit) {
    self.dynamoDB = dynamoDB
    self.table = table
    self.pageLimit = pageLimit
  }

  /// Writes a connection's row.
  public func add(_ connection: Connection) async throws {
    try await dynamoDB.putItem(connection.attributes.merging(key(connection.connectionID)) { $1 }, table: table)
  }

  /// Reads a connection's row with a strongly consistent read.
  public func connection(_ connectionID: String) async throws -> Connection? {
    try await dynamoDB.getItem(key: key(connectionID), table: table, isConsistent: true).map { try connection($0) }
  }

  /// Counts a message by a conditional update of the row, which returns the row: one request for a connection that has
  /// paid for its earlier messages, two within a burst and beyond the limit. If other messages of the connection update
  /// the row each time between the read and the write, the message is refused.
  public func admit(_ connectionID: String, _ limit: MessageLimit, now: Int) async throws -> Admission {
    var state = limit.first(now: now)
    var retryAfter: Duration?
    var condition = DynamoDB.Condition.all([
      .exists("connectionId"), .any([.missing("paidAt"), .atMost("paidAt", .int(now))]),
    ])
    var conflicts = 0
    while true {
      let item: DynamoDB.Item
      switch try await dynamoDB.set(state.attributes, key: key(connectionID), table: table, condition: condition) {
      case .updated(let item):
        let connection = try connection(item)
        return retryAfter.map { .refused(connection, retryAfter: $0) } ?? .accepted(connection)
      case .refused(nil): return .unknown
      case .refused(let current?): item = current
      }
      let current = MessageLimit.State(paidAt: item["paidAt"]?.int, floodPaidAt: item["floodPaidAt"]?.int)
      switch limit.decide(current, now: now) {
      case .accept(let next): (state, retryAfter) = (next, nil)
      case .refuse(let next, let wait): (state, retryAfter) = (next, wait)
      case .disconnect: return .flood(try connection(item))
      }
      conflicts += 1
      if conflicts == Self.maximumConflicts {
        return .refused(try connection(item), retryAfter: limit.pause(current, now: now))
      }
      // Only if the row is still as it was.
      condition = .all([Self.unchanged("paidAt", current.paidAt), Self.unchanged("floodPaidAt", current.floodPaidAt)])
    }
  }

  private static func unchanged(_ attribute: String, _ value: Int?) -> DynamoDB.Condition {
    value.map { .equal(attribute, .int($0)) } ?? .missing(attribute)
  }

  /// Sets the attributes that the row lacks, `enteredAt` among them.
  public func enter(_ connection: Connection, createsMissing isNew: Bool) async throws -> Connection? {
    let update = try await dynamoDB.setMissing(
      connection.attributes, key: key(connection.connectionID), table: table,
      condition: isNew ? nil : .exists("connectionId"))
    guard case .updated(let item) = update else { return nil }
    return try self.connection(item)
  }

  /// Deletes a connection's row.
  @discardableResult public func remove(connectionID: String) async throws -> Connection? {
    try await dynamoDB.removeItem(key: key(connectionID), table: table).map { try connection($0) }
  }

  /// Deletes a row if its timestamp is unchanged, which includes absent.
  @discardableResult public func removeIfUnchanged(_ connection: Connection) async throws -> Connection? {
    let condition: DynamoDB.Condition =
      connection.timestamp.map { .equal("timestamp", .string($0)) } ?? .missing("timestamp")
    do {
      let item = try await dynamoDB.removeItem(key: key(connection.connectionID), table: table, condition: condition)
      return try item.map { try self.connection($0) }
    } catch let error as AWSError where error.isConditionFailure {
      // The row was rewritten or deleted after it was read.
      return nil
    }
  }

  /// Reads up to 1 MB of a person's connections.
  public func connections(ofUser userID: String) async throws -> [Connection] {
    let page = try await dynamoDB.query(
      table: table, index: Self.userIndex, .partition("userId", .string(userID)),
      attributes: ["connectionId", "room", "expiresAt"])
    return try page.items.map { try connection($0) }
  }

  /// Reads one page of a range of a room.
  public func page(room: String, range: RoomRange, after start: String?) async throws -> ConnectionPage {
    let page = try await page(room: room, range: range, after: start, ["connectionId", "timestamp", "expiresAt"])
    // Does not look up attributes that were not asked for: a broadcast does this for each connection.
    let connections = try page.items.map { item in
      Connection(
        connectionID: try connectionID(item), timestamp: item["timestamp"]?.string, expiresAt: item["expiresAt"]?.int,
        room: room)
    }
    return ConnectionPage(connections, next: try page.lastEvaluatedKey.map(connectionID))
  }

  /// Reads one page of a room with all projected attributes.
  public func people(room: String, after start: String?) async throws -> ConnectionPage {
    let page = try await page(room: room, range: .all, after: start, Self.projection)
    let connections = try page.items.map { try connection($0, room: room) }
    return ConnectionPage(connections, next: try page.lastEvaluatedKey.map(connectionID))
  }

  private func page(
    room: String, range: RoomRange, after start: String?, _ attributes: [String]
  ) async throws -> DynamoDB.Page {
    var keys = DynamoDB.KeyRange.partition("room", .string(room))
    if range != .all {
      keys = keys.and("roomKey", from: .string(range.sortKeys.from), to: .string(range.sortKeys.to))
    }
    return try await dynamoDB.query(
      table: table, index: Self.index, keys, attributes: attributes,
      from: start.map { indexKey(room: room, $0) }, limit: pageLimit)
  }

  /// Reads up to 1 MB of a room.
  public func entered(room: String) async throws -> RoomSample {
    let page = try await dynamoDB.query(
      table: table, index: Self.index, .partition("room", .string(room)), attributes: Self.projection,
      existing: "enteredAt")
    let connections = try page.items.map { try connection($0, room: room) }
    let share = try page.lastEvaluatedKey.map { RoomKey.share(upTo: RoomKey.of(try connectionID($0))) }
    return RoomSample(connections, share: share ?? 1)
  }

  /// - Parameter room: the room of an item without that attribute.
  private func connection(
    _ item: DynamoDB.Item, room: String = Connection.defaultRoom
  ) throws(UnexpectedKeySchema) -> Connection {
    Connection(
      connectionID: try connectionID(item), timestamp: item["timestamp"]?.string, expiresAt: item["expiresAt"]?.int,
      room: item["room"]?.string ?? room, userID: item["userId"]?.string, name: item["name"]?.string,
      enteredAt: item["enteredAt"]?.int, isReadOnly: item["access"]?.string == "read")
  }

  /// The connection id of a row or key. Skipping a row without one would miss connections.
  private func connectionID(_ item: DynamoDB.Item) throws(UnexpectedKeySchema) -> String {
    guard let connectionID = item["connectionId"]?.string, !connectionID.isEmpty else {
      throw UnexpectedKeySchema(table: table)
    }
    return connectionID
  }

  private func key(_ connectionID: String) -> DynamoDB.Item { ["connectionId": .string(connectionID)] }

  /// A key of the index, as DynamoDB requires it for the start of a page: with the table's own key.
  private func indexKey(room: String, _ connectionID: String) -> DynamoDB.Item {
    [
      "room": .string(room), "roomKey": .string(RoomKey.of(connectionID)), "connectionId": .string(connectionID),
    ]
  }
}

extension Connection {
  /// The row's attributes except its key.
  fileprivate var attributes: DynamoDB.Item {
    var item: DynamoDB.Item = ["room": .string(room), "roomKey": .string(RoomKey.of(connectionID))]
    item["timestamp"] = timestamp.map { .string($0) }
    item["expiresAt"] = expiresAt.map { .int($0) }
    item["userId"] = userID.map { .string($0) }
    item["name"] = name.map { .string($0) }
    item["enteredAt"] = enteredAt.map { .int($0) }
    if isReadOnly { item["access"] = .string("read") }
    return item
  }
}

extension MessageLimit.State {
  /// The attributes of the row, `paidAt` and `floodPaidAt`.
  fileprivate var attributes: DynamoDB.Item {
    var item: DynamoDB.Item = [:]
    item["paidAt"] = paidAt.map { .int($0) }
    item["floodPaidAt"] = floodPaidAt.map { .int($0) }
    return item
  }
}

/// The table's partition key is not the string `connectionId`.
struct UnexpectedKeySchema: Error, CustomStringConvertible {
  let table: String
  var description: String { "A row of the table \(table.debugDescription) has no string connectionId." }
}
