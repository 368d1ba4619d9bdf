/// The input of an operation on one table.
struct DynamoDBRequest {
  let table: String
  let index: String?
  let limit: Int?
  let isAscending: Bool
  let returnValues: String?
  private let input: JSONTree
  private let names: [String: String]
  private let values: Attribute.Item

  init(_ input: JSONTree) throws(DynamoDBError) {
    guard let table = input["TableName"]?.string else { throw .validation("TableName is missing") }
    self.input = input
    self.table = table
    index = input["IndexName"]?.string
    limit = input["Limit"]?.int
    isAscending = !(input["ScanIndexForward"] == .other("false"))
    returnValues = input["ReturnValues"]?.string
    names = input["ExpressionAttributeNames"]?.strings ?? [:]
    values =
      try input["ExpressionAttributeValues"].map { tree throws(DynamoDBError) in try Attribute.item(tree) } ?? [:]
  }

  func key() throws(DynamoDBError) -> Attribute.Item { try Attribute.item(input["Key"]) }
  func item() throws(DynamoDBError) -> Attribute.Item { try Attribute.item(input["Item"]) }

  func start() throws(DynamoDBError) -> Attribute.Item? {
    guard let start = input["ExclusiveStartKey"] else { return nil }
    return try Attribute.item(start)
  }

  private func expression(_ member: String) -> Expression? {
    input[member]?.string.map { Expression($0, names: names, values: values) }
  }

  /// Checks the condition, if there is one.
  func check(_ item: Attribute.Item?) throws(DynamoDBError) {
    guard var condition = expression("ConditionExpression"), try !condition.holds(for: item ?? [:]) else { return }
    throw .conditionFailed(input["ReturnValuesOnConditionCheckFailure"]?.string == "ALL_OLD" ? item : nil)
  }

  func update(_ item: Attribute.Item) throws(DynamoDBError) -> Attribute.Item {
    guard var update = expression("UpdateExpression") else { throw .validation("UpdateExpression is missing") }
    return try update.update(item)
  }

  func matchesKey(_ item: Attribute.Item) throws(DynamoDBError) -> Bool {
    guard var condition = expression("KeyConditionExpression") else { throw .validation("no key condition") }
    return try condition.holds(for: item)
  }

  func matchesFilter(_ item: Attribute.Item) throws(DynamoDBError) -> Bool {
    guard var filter = expression("FilterExpression") else { return true }
    return try filter.holds(for: item)
  }

  /// The names of the projected attributes; `nil` for all.
  var projection: [String]? {
    input["ProjectionExpression"]?.string.map { text in
      text.split(separator: ",").map { part in
        let name = part.drop { $0 == " " }.prefix { $0 != " " }
        return names[String(name)] ?? String(name)
      }
    }
  }

  func project(_ item: Attribute.Item) -> Attribute.Item {
    guard let projection else { return item }
    return item.filter { projection.contains($0.key) }
  }

  /// The value to which the key condition, `#p = :p` and more, compares the partition key.
  func partition(_ name: String) throws(DynamoDBError) -> String? {
    let words = keyCondition.split(separator: " ").map(String.init)
    guard words.count >= 3, words[1] == "=", (names[words[0]] ?? words[0]) == name else { return nil }
    return values[words[2]]?.string
  }

  /// The bounds of the sort key: `#p = :p AND #s BETWEEN :l AND :u`.
  func bounds(_ name: String) throws(DynamoDBError) -> (lower: String, upper: String)? {
    let words = keyCondition.split(separator: " ").map(String.init)
    guard words.count > 3 else { return nil }
    guard words.count == 9, words[5] == "BETWEEN", (names[words[4]] ?? words[4]) == name,
      let lower = values[words[6]]?.string, let upper = values[words[8]]?.string
    else { throw .validation("the key condition is not modelled: \(keyCondition)") }
    guard lower <= upper else { throw .validation("the lower bound is greater than the upper one") }
    return (lower, upper)
  }

  private var keyCondition: String { input["KeyConditionExpression"]?.string ?? "" }
}
