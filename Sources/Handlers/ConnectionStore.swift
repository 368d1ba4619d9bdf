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
  private let pageLimit: Int

  /// How many rows make a page. DynamoDB would put about ten thousand into its 1 MB; with a tenth of that memory stays
  /// flat, and the next page is there long before this one is posted.
  public static let defaultPageLimit = 1000

  /// Uses a table.
  ///
  /// - Parameter pageLimit: the most rows to a page.
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

  /// Deletes a row if its timestamp is still the one that was read, or still missing.
  public func removeIfUnchanged(_ connection: Connection) async throws {
    do {
      let condition: DynamoDB.Condition =
        connection.timestamp.map { .equal("timestamp", .string($0)) } ?? .missing("timestamp")
      try await dynamoDB.deleteItem(key: key(connection.connectionID), table: table, condition: condition)
    } catch let error as AWSError where error.code == "ConditionalCheckFailedException" {
      // Written anew, or already deleted: either way it is no longer the row that was read.
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

  /// The key. Without it a row would be passed over, or the end of a page taken for the end of the table.
  private func connectionID(_ item: DynamoDB.Item) throws(ForeignTable) -> String {
    guard let connectionID = item["connectionId"]?.string else { throw ForeignTable(table: table) }
    return connectionID
  }

  private func key(_ connectionID: String) -> DynamoDB.Item { ["connectionId": .string(connectionID)] }
}

/// A table with another key: not the chat's.
struct ForeignTable: Error, CustomStringConvertible {
  let table: String
  var description: String { "A row of the table \(table.debugDescription) has no string connectionId." }
}
