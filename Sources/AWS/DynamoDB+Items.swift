import JSON

/// Operations on one item.
extension DynamoDB {
  /// Reads an item by its key.
  ///
  /// - Parameters:
  ///   - key: the attributes of the table's key.
  ///   - table: the table's name.
  ///   - isConsistent: whether the read is strongly consistent, at twice the price.
  /// - Returns: `nil` if there is no such item.
  public func getItem(key: Item, table: String, isConsistent: Bool = false) async throws -> Item? {
    var input = DynamoDBInput(table: table)
    try input.add("Key", key)
    if isConsistent { input.add("ConsistentRead", true) }
    return try await call("GetItem", input, maximumResponseBytes: Self.maximumPageBytes) { json in
      try JSONScanner.item(named: "Item", in: json)
    }
  }

  /// Writes an item of at most 400 KB, replacing one with the same key.
  ///
  /// A retry after a lost response finds the item written, so a condition that it is missing can fail although the
  /// write took place.
  ///
  /// - Parameters:
  ///   - item: the item with its key.
  ///   - table: the table's name.
  ///   - condition: a condition on the item with the same key.
  /// - Throws: an `AWSError` with `isConditionFailure` if the condition does not hold.
  public func putItem(_ item: Item, table: String, condition: Condition? = nil) async throws {
    var input = DynamoDBInput(table: table)
    try input.add("Item", item)
    if let condition { try input.add(condition) }
    _ = try await call("PutItem", input, decode: EmptyOutput.init(json:))
  }

  /// Deletes an item. A missing item is an error only if there is a condition.
  public func deleteItem(key: Item, table: String, condition: Condition? = nil) async throws {
    let input = try Self.deleteInput(key, table, condition)
    _ = try await call("DeleteItem", input, decode: EmptyOutput.init(json:))
  }

  /// Deletes an item and returns it. A missing item is an error only if there is a condition.
  ///
  /// - Returns: the deleted item; `nil` if there was none, also when a retry follows a lost response.
  public func removeItem(key: Item, table: String, condition: Condition? = nil) async throws -> Item? {
    var input = try Self.deleteInput(key, table, condition)
    input.add("ReturnValues", "ALL_OLD")
    return try await call("DeleteItem", input, maximumResponseBytes: Self.maximumPageBytes) { json in
      try JSONScanner.item(named: "Attributes", in: json)
    }
  }

  private static func deleteInput(_ key: Item, _ table: String, _ condition: Condition?) throws -> DynamoDBInput {
    var input = DynamoDBInput(table: table)
    try input.add("Key", key)
    if let condition { try input.add(condition) }
    return input
  }
}

extension DynamoDBInput {
  /// Adds a condition to an operation whose only expression it is.
  fileprivate mutating func add(_ condition: DynamoDB.Condition) throws {
    var names: [String: String] = [:]
    var values: DynamoDB.Item = [:]
    add("ConditionExpression", condition.expression(&names, &values))
    add("ExpressionAttributeNames", names)
    // DynamoDB refuses an empty map.
    if !values.isEmpty { try add("ExpressionAttributeValues", values) }
  }
}

extension JSONScanner {
  /// Reads the item that is a member of a response; `nil` if the member is absent, `null` or empty.
  static func item(named member: String, in json: [UInt8]) throws(Mismatch) -> DynamoDB.Item? {
    var scanner = JSONScanner(json)
    var item: DynamoDB.Item?
    try scanner.object { (name, scanner) throws(Mismatch) in
      if name != member { try scanner.skipValue() } else if !scanner.null() { item = try scanner.item() }
    }
    try scanner.end()
    return item?.isEmpty == true ? nil : item
  }
}
