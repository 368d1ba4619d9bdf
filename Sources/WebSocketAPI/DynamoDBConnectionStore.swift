import AWS

/// The connection table in DynamoDB.
///
/// Its key is `connectionId`; `expiresAt` is its TTL attribute. Its index `room` has the keys `room` and `roomKey` and
/// projects `timestamp`, `expiresAt`, `userId`, `name` and `enteredAt`.
public struct DynamoDBConnectionStore: ConnectionStore {
  private static let index = "room"

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

  /// Sets the attributes that the row lacks, `enteredAt` among them.
  public func enter(_ connection: Connection) async throws -> Connection {
    let item = try await dynamoDB.setMissing(connection.attributes, key: key(connection.connectionID), table: table)
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
    } catch let error as AWSError where error.code == "ConditionalCheckFailedException" {
      // The row was rewritten or deleted after it was read.
      return nil
    }
  }

  /// Reads one page of a room.
  public func page(room: String, after start: String?) async throws -> ConnectionPage {
    let page = try await dynamoDB.query(
      table: table, index: Self.index, .partition("room", .string(room)),
      attributes: ["connectionId", "timestamp", "expiresAt"], from: start.map { indexKey(room: room, $0) },
      limit: pageLimit)
    // Without look-ups of attributes that were not asked for, which take 1 % of a post.
    let connections = try page.items.map { item in
      Connection(
        connectionID: try connectionID(item), timestamp: item["timestamp"]?.string, expiresAt: item["expiresAt"]?.int,
        room: room)
    }
    return ConnectionPage(connections, next: try page.lastEvaluatedKey.map(connectionID))
  }

  /// Reads up to 1 MB of a room.
  public func entered(room: String) async throws -> RoomSample {
    let page = try await dynamoDB.query(
      table: table, index: Self.index, .partition("room", .string(room)),
      attributes: ["connectionId", "timestamp", "expiresAt", "userId", "name", "enteredAt"], existing: "enteredAt")
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
      enteredAt: item["enteredAt"]?.int)
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
    return item
  }
}

/// The table's partition key is not the string `connectionId`.
struct UnexpectedKeySchema: Error, CustomStringConvertible {
  let table: String
  var description: String { "A row of the table \(table.debugDescription) has no string connectionId." }
}
