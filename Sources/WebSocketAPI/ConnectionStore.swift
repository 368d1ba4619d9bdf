import AWS

/// The connection table.
public protocol ConnectionStore: Sendable {
  /// Writes a connection's row.
  func add(_ connection: Connection) async throws

  /// Deletes a connection's row. A missing row is not an error.
  func remove(connectionID: String) async throws

  /// Deletes a row if it is unchanged since it was read. A rewritten or missing row is not an error.
  func removeIfUnchanged(_ connection: Connection) async throws

  /// Reads one page of rows.
  ///
  /// - Parameter connectionID: `next` of the previous page, `nil` for the first.
  func page(after connectionID: String?) async throws -> ConnectionPage
}

/// One page of the table.
public struct ConnectionPage: Sendable, Equatable {
  /// The rows.
  public let connections: [Connection]
  /// The start of the next page, `nil` on the last one.
  public let next: String?

  /// Creates a page.
  public init(_ connections: [Connection], next: String?) {
    self.connections = connections
    self.next = next
  }
}

/// The connection table in DynamoDB: `connectionId` (the key), `timestamp`, `expiresAt` (the TTL).
public struct DynamoDBConnectionStore: ConnectionStore {
  private let dynamoDB: DynamoDB
  private let table: String
  private let pageLimit: Int

  /// The default number of rows in a page. About ten thousand fit into DynamoDB's 1 MB; a tenth of that keeps memory
  /// flat, and the next page arrives long before the current one is posted.
  public static let defaultPageLimit = 1000

  /// Creates a store.
  ///
  /// - Parameter pageLimit: the most rows in a page.
  public init(_ dynamoDB: DynamoDB, table: String, pageLimit: Int = defaultPageLimit) {
    self.dynamoDB = dynamoDB
    self.table = table
    self.pageLimit = pageLimit
  }

  /// Writes a connection's row.
  public func add(_ connection: Connection) async throws {
    var item = key(connection.connectionID)
    item["timestamp"] = connection.timestamp.map { .string($0) }
    item["expiresAt"] = connection.expiresAt.map { .int($0) }
    try await dynamoDB.putItem(item, table: table)
  }

  /// Deletes a connection's row.
  public func remove(connectionID: String) async throws {
    try await dynamoDB.deleteItem(key: key(connectionID), table: table)
  }

  /// Deletes a row if its timestamp is unchanged, which includes absent.
  public func removeIfUnchanged(_ connection: Connection) async throws {
    do {
      let condition: DynamoDB.Condition =
        connection.timestamp.map { .equal("timestamp", .string($0)) } ?? .missing("timestamp")
      try await dynamoDB.deleteItem(key: key(connection.connectionID), table: table, condition: condition)
    } catch let error as AWSError where error.code == "ConditionalCheckFailedException" {
      // The row was rewritten or deleted after it was read.
    }
  }

  /// Reads one page of rows.
  public func page(after start: String?) async throws -> ConnectionPage {
    let page = try await dynamoDB.scan(
      table: table, attributes: ["connectionId", "timestamp", "expiresAt"], from: start.map(key), limit: pageLimit)
    let connections = try page.items.map { item in
      Connection(
        connectionID: try connectionID(item), timestamp: item["timestamp"]?.string, expiresAt: item["expiresAt"]?.int)
    }
    return ConnectionPage(connections, next: try page.lastEvaluatedKey.map(connectionID))
  }

  /// The connection id of a row or key. Skipping a row without one would miss connections.
  private func connectionID(_ item: DynamoDB.Item) throws(UnexpectedKeySchema) -> String {
    guard let connectionID = item["connectionId"]?.string, !connectionID.isEmpty else {
      throw UnexpectedKeySchema(table: table)
    }
    return connectionID
  }

  private func key(_ connectionID: String) -> DynamoDB.Item { ["connectionId": .string(connectionID)] }
}

/// The table's partition key is not the string `connectionId`.
struct UnexpectedKeySchema: Error, CustomStringConvertible {
  let table: String
  var description: String { "A row of the table \(table.debugDescription) has no string connectionId." }
}
