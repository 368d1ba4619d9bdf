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

  /// The result of an update with a condition.
  public enum Update: Sendable, Equatable {
    /// The whole item after the update.
    case updated(Item)
    /// The condition does not hold: the whole item as it is, `nil` if there is none.
    case refused(Item?)
  }

  /// Sets attributes of an item that do not exist yet. A missing item is created, unless the condition forbids it.
  ///
  /// A retry after a lost response returns the same item.
  public func setMissing(
    _ attributes: Item, key: Item, table: String, condition: Condition? = nil
  ) async throws -> Update {
    try await update(attributes, key, table, condition) { "\($0) = if_not_exists(\($0), \($1))" }
  }

  /// Sets attributes of an item. A missing item is created, unless the condition forbids it.
  ///
  /// A retry after a lost response finds the item updated, so a condition on an attribute that is set can be refused
  /// although the update took place.
  public func set(_ attributes: Item, key: Item, table: String, condition: Condition? = nil) async throws -> Update {
    try await update(attributes, key, table, condition) { "\($0) = \($1)" }
  }

  private func update(
    _ attributes: Item, _ key: Item, _ table: String, _ condition: Condition?,
    assignment: (_ name: String, _ value: String) -> String
  ) async throws -> Update {
    var names: [String: String] = [:]
    var values: Item = [:]
    var input = DynamoDBInput(table: table)
    if let condition {
      input.add("ConditionExpression", condition.expression(&names, &values))
      input.add("ReturnValuesOnConditionCheckFailure", "ALL_OLD")
    }
    let assignments = attributes.sorted { $0.key < $1.key }.enumerated().map { index, attribute in
      names["#s\(index)"] = attribute.key
      values[":s\(index)"] = attribute.value
      return assignment("#s\(index)", ":s\(index)")
    }
    try input.add("Key", key)
    input.add("UpdateExpression", "SET " + assignments.joined(separator: ", "))
    input.add("ExpressionAttributeNames", names)
    try input.add("ExpressionAttributeValues", values)
    input.add("ReturnValues", "ALL_NEW")
    do {
      return try await call("UpdateItem", input, maximumResponseBytes: Self.maximumPageBytes) { json in
        guard let item = try JSONScanner.item(named: "Attributes", in: json) else { throw JSONScanner.Mismatch() }
        return .updated(item)
      }
    } catch let error as AWSError where error.isConditionFailure {
      return .refused(try? JSONScanner.item(named: "Item", in: error.body))
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
      var names: [String: String] = [:]
      var values: Item = [:]
      input.add("ConditionExpression", condition.expression(&names, &values))
      input.add("ExpressionAttributeNames", names)
      // DynamoDB refuses an empty map.
      if !values.isEmpty { try input.add("ExpressionAttributeValues", values) }
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
