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
  public func putItem(_ item: Item, table: String) async throws {
    var input = DynamoDBInput(table: table)
    try input.add("Item", item)
    _ = try await call("PutItem", input, decode: EmptyOutput.init(json:))
  }

  /// Sets attributes of an item that do not exist yet. A missing item is created.
  ///
  /// - Returns: the whole item after the update. A retry after a lost response returns the same item.
  public func setMissing(_ attributes: Item, key: Item, table: String) async throws -> Item {
    var names: [String: String] = [:]
    var values: Item = [:]
    let assignments = attributes.sorted { $0.key < $1.key }.enumerated().map { index, attribute in
      names["#s\(index)"] = attribute.key
      values[":s\(index)"] = attribute.value
      return "#s\(index) = if_not_exists(#s\(index), :s\(index))"
    }
    var input = DynamoDBInput(table: table)
    try input.add("Key", key)
    input.add("UpdateExpression", "SET " + assignments.joined(separator: ", "))
    input.add("ExpressionAttributeNames", names)
    try input.add("ExpressionAttributeValues", values)
    input.add("ReturnValues", "ALL_NEW")
    return try await call("UpdateItem", input, maximumResponseBytes: Self.maximumPageBytes) { json in
      guard let item = try JSONScanner.item(named: "Attributes", in: json) else { throw JSONScanner.Mismatch() }
      return item
    }
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
    if let condition {
      input.add("ConditionExpression", condition.expression)
      input.add("ExpressionAttributeNames", condition.names)
      if let values = condition.values { try input.add("ExpressionAttributeValues", values) }
    }
    return input
  }
}

extension JSONScanner {
  /// Reads the item that is a member of a response; `nil` if the member is absent, `null` or empty.
  fileprivate static func item(named member: String, in json: [UInt8]) throws(Mismatch) -> DynamoDB.Item? {
    var scanner = JSONScanner(json)
    var item: DynamoDB.Item?
    try scanner.object { (name, scanner) throws(Mismatch) in
      if name != member { try scanner.skipValue() } else if !scanner.null() { item = try scanner.item() }
    }
    try scanner.end()
    return item?.isEmpty == true ? nil : item
  }
}
