import AWS

/// The table of connections, as the handlers need it.
public protocol ConnectionStore: Sendable {
  /// Writes a connection's row.
  func add(_ connection: Connection) async throws

  /// Deletes a connection's row; one that is not there is no failure.
  func remove(connectionID: String) async throws

  /// Deletes a row if it still is as it was read; one that was written anew, or is not there, is left alone.
  func removeIfUnchanged(_ connection: Connection) async throws

  /// Reads one page of rows.
  ///
  /// - Parameter connectionID: the `next` of the page before, `nil` for the first.
  func page(after connectionID: String?) async throws -> ConnectionPage
}

/// One page of the table.
public struct ConnectionPage: Sendable, Equatable {
  /// The rows.
  public let connections: [Connection]
  /// Where the next page starts, `nil` on the last one.
  public let next: String?

  /// Makes a page.
  public init(_ connections: [Connection], next: String?) {
    self.connections = connections
    self.next = next
  }
}

/// The table of connections in DynamoDB: `connectionId` (the key), `timestamp`, `expiresAt` (the TTL).
public struct DynamoDBConnectionStore: ConnectionStore {
  private let dynamoDB: DynamoDB
  private let table: String
  private let pageLimit: Int?

  /// Uses a table.
  ///
  /// - Parameter pageLimit: the most rows to a page, `nil` for as many as fit into 1 MB.
  public init(_ dynamoDB: DynamoDB, table: String, pageLimit: Int? = nil) {
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

  /// Deletes a row if its timestamp is still the one that was read.
  public func removeIfUnchanged(_ connection: Connection) async throws {
    do {
      let condition = connection.timestamp.map { DynamoDB.Condition.equal("timestamp", .string($0)) }
      try await dynamoDB.deleteItem(key: key(connection.connectionID), table: table, condition: condition)
    } catch let error as AWSError where error.code == "ConditionalCheckFailedException" {
      // Written anew, or already deleted: either way it is no longer the row that was read.
    }
  }

  /// Reads one page of rows.
  public func page(after connectionID: String?) async throws -> ConnectionPage {
    let page = try await dynamoDB.scan(
      table: table, attributes: ["connectionId", "timestamp", "expiresAt"], from: connectionID.map(key),
      limit: pageLimit)
    let connections = page.items.compactMap { item in
      item["connectionId"]?.string.map {
        Connection(connectionID: $0, timestamp: item["timestamp"]?.string, expiresAt: item["expiresAt"]?.int)
      }
    }
    return ConnectionPage(connections, next: page.lastEvaluatedKey?["connectionId"]?.string)
  }

  private func key(_ connectionID: String) -> DynamoDB.Item { ["connectionId": .string(connectionID)] }
}
