import JSON

/// Updates of one item.
extension DynamoDB {
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
    try await set(attributes, key, table, condition) { "\($0) = if_not_exists(\($0), \($1))" }
  }

  /// Sets attributes of an item. A missing item is created, unless the condition forbids it.
  ///
  /// A retry after a lost response finds the item updated, so a condition on an attribute that is set can be refused
  /// although the update took place.
  public func set(_ attributes: Item, key: Item, table: String, condition: Condition? = nil) async throws -> Update {
    try await set(attributes, key, table, condition) { "\($0) = \($1)" }
  }

  /// Removes elements from a set of strings. Elements that the set lacks, and a missing set, are no error. A set without
  /// elements does not exist in DynamoDB: the attribute is then absent from the item.
  ///
  /// A missing item is created with its key alone, unless the condition forbids it. A retry after a lost response returns
  /// the same item.
  ///
  /// - Parameters:
  ///   - elements: the elements, at least one.
  ///   - attribute: the set.
  ///   - key: the attributes of the table's key.
  ///   - table: the table's name.
  ///   - condition: a condition on the item.
  public func removeElements(
    _ elements: [String], of attribute: String, key: Item, table: String, condition: Condition? = nil
  ) async throws -> Update {
    try await update(key, table, condition) { names, values in
      names["#d"] = attribute
      values[":d"] = .stringSet(elements)
      return "DELETE #d :d"
    }
  }

  private func set(
    _ attributes: Item, _ key: Item, _ table: String, _ condition: Condition?,
    assignment: (_ name: String, _ value: String) -> String
  ) async throws -> Update {
    try await update(key, table, condition) { names, values in
      let assignments = attributes.sorted { $0.key < $1.key }.enumerated().map { index, attribute in
        names["#s\(index)"] = attribute.key
        values[":s\(index)"] = attribute.value
        return assignment("#s\(index)", ":s\(index)")
      }
      return "SET " + assignments.joined(separator: ", ")
    }
  }

  /// - Parameter expression: returns the update; its placeholders are added to names and values.
  private func update(
    _ key: Item, _ table: String, _ condition: Condition?,
    expression: (_ names: inout [String: String], _ values: inout Item) -> String
  ) async throws -> Update {
    var names: [String: String] = [:]
    var values: Item = [:]
    var input = DynamoDBInput(table: table)
    if let condition {
      input.add("ConditionExpression", condition.expression(&names, &values))
      input.add("ReturnValuesOnConditionCheckFailure", "ALL_OLD")
    }
    try input.add("Key", key)
    input.add("UpdateExpression", expression(&names, &values))
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
}
