import JSON

/// DynamoDB with the chat's two tables: the operations that the bootstrap uses.
final class DynamoDBModel {
  static let connectionsTable = "Connections"
  static let messagesTable = "Messages"
  static let pageLimit = 6000

  private let connections: ConnectionsTable
  private(set) var messages = MessagesTable()
  private(set) var operations: [String: Int] = [:]
  private(set) var refusedConditions = 0
  private(set) var refusedRequests: [String] = []
  /// Write request units of the partition in the current second, and the most in any second.
  private var writeUnits: [String: Int] = [:]
  private(set) var peakWriteUnits: [String: Int] = [:]

  init(rooms: [Room]) { connections = ConnectionsTable(rooms: rooms) }

  /// Starts the next second of the scenario's time.
  func startSecond() { writeUnits.removeAll(keepingCapacity: true) }

  /// Answers a request.
  ///
  /// - Parameter target: `X-Amz-Target` without its prefix.
  func answer(_ target: String, _ body: [UInt8]) -> (status: Int, body: [UInt8]) {
    operations[target, default: 0] += 1
    do {
      let input = try JSONTree(body)
      return (200, try perform(target, input))
    } catch let error as DynamoDBError {
      if case .conditionFailed = error { refusedConditions += 1 } else { refusedRequests.append("\(target): \(error)") }
      return (400, error.body)
    } catch {
      refusedRequests.append("\(target): not JSON")
      return (400, DynamoDBError.validation("the body is not JSON").body)
    }
  }

  private func perform(_ target: String, _ input: JSONTree) throws -> [UInt8] {
    if target == "BatchWriteItem" { return try batchWrite(input) }
    let request = try DynamoDBRequest(input)
    if request.table == Self.connectionsTable { return try connections.perform(target, request) }
    guard request.table == Self.messagesTable else { throw DynamoDBError.validation("no table \(request.table)") }
    switch target {
    case "GetItem": return Self.object("Item", messages[try MessagesTable.key(of: request.key())])
    case "PutItem":
      let item = try request.item()
      let key = try MessagesTable.key(of: item)
      try request.check(messages[key])
      write(item, key.room)
      messages[key] = item
      return Array("{}".utf8)
    case "UpdateItem": return try update(request)
    case "DeleteItem":
      let key = try MessagesTable.key(of: request.key())
      let item = messages[key]
      try request.check(item)
      write(item ?? [:], key.room)
      messages[key] = nil
      return Self.object("Attributes", request.returnValues == "ALL_OLD" ? item : nil)
    case "Query": return try query(request)
    default: throw DynamoDBError.validation("\(target) is not modelled")
    }
  }

  private func update(_ request: DynamoDBRequest) throws -> [UInt8] {
    let key = try request.key()
    let names = try MessagesTable.key(of: key)
    let item = messages[names]
    try request.check(item)
    let updated = try request.update(item ?? key)
    write(updated, names.room)
    messages[names] = updated
    switch request.returnValues {
    case "ALL_NEW": return Self.object("Attributes", updated)
    case "ALL_OLD": return Self.object("Attributes", item)
    case nil, "NONE": return Array("{}".utf8)
    default: throw DynamoDBError.validation("ReturnValues \(request.returnValues ?? "") is not modelled")
    }
  }

  private func query(_ request: DynamoDBRequest) throws -> [UInt8] {
    guard let room = try request.partition("room") else { throw DynamoDBError.validation("no condition on room") }
    let page = try messages.page(
      room, isAscending: request.isAscending, after: try request.start()?["id"]?.string,
      limit: request.limit ?? .max, where: request.matchesKey)
    let last = page.isCut ? page.items.last : nil
    let items = try page.items.filter(request.matchesFilter)
    return Self.page(items.map { request.project($0).json }, next: last?.filter { ["room", "id"].contains($0.key) })
  }

  private func batchWrite(_ input: JSONTree) throws -> [UInt8] {
    for (table, requests) in input["RequestItems"]?.object ?? [:] {
      guard table == Self.messagesTable, let requests = requests.array, (1...25).contains(requests.count) else {
        throw DynamoDBError.validation("a batch has 1 to 25 requests for \(Self.messagesTable)")
      }
      for request in requests {
        if let put = request["PutRequest"] {
          let item = try Attribute.item(put["Item"])
          let key = try MessagesTable.key(of: item)
          write(item, key.room)
          messages[key] = item
        } else {
          let key = try MessagesTable.key(of: try Attribute.item(request["DeleteRequest"]?["Key"]))
          write(messages[key] ?? [:], key.room)
          messages[key] = nil
        }
      }
    }
    return Array(#"{"UnprocessedItems":{}}"#.utf8)
  }

  private func write(_ item: Attribute.Item, _ partition: String) {
    // One partition for each kind of row: the rest of its name is a room or a delivery.
    let kind = String(partition.prefix { $0 != ":" }) + (partition.contains(":") ? ":" : "")
    writeUnits[kind, default: 0] += max(1, (item.size + 1023) / 1024)
    peakWriteUnits[kind] = max(peakWriteUnits[kind] ?? 0, writeUnits[kind] ?? 0)
  }

  // MARK: - Responses

  static func object(_ name: String, _ item: Attribute.Item?) -> [UInt8] {
    var object = JSONObjectText()
    if let item { object.add(name, json: item.json) }
    return object.bytes
  }

  static func page(_ items: [[UInt8]], next: Attribute.Item?) -> [UInt8] {
    var object = JSONObjectText()
    object.add("Items", array: items)
    object.add("Count", items.count)
    object.add("ScannedCount", items.count)
    if let next { object.add("LastEvaluatedKey", json: next.json) }
    return object.bytes
  }
}
