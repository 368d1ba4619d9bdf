/// Operations that read pages of items.
extension DynamoDB {
  /// The items of a query: those of one partition, and a range of their sort keys.
  public struct KeyRange: Sendable {
    let partition: (attribute: String, value: AttributeValue)
    let sort: (attribute: String, from: AttributeValue, to: AttributeValue)?

    /// All items of a partition.
    public static func partition(_ attribute: String, _ value: AttributeValue) -> KeyRange {
      KeyRange(partition: (attribute, value), sort: nil)
    }

    /// The items of this partition whose sort key lies between two values, both included. DynamoDB refuses a lower
    /// bound above the upper one.
    public func and(_ attribute: String, from lower: AttributeValue, to upper: AttributeValue) -> KeyRange {
      KeyRange(partition: partition, sort: (attribute, lower, upper))
    }
  }

  /// Reads one page of a table or index in the order of the sort key, with the named attributes of each item.
  ///
  /// - Parameters:
  ///   - table: the table's name.
  ///   - index: a secondary index, `nil` for the table itself.
  ///   - range: the partition, and the range of the sort key.
  ///   - attributes: the attributes to read; others are left out.
  ///   - existing: an attribute that each item must have; the others are read and left out.
  ///   - start: the `lastEvaluatedKey` of the previous page, `nil` for the first page.
  ///   - limit: the maximum number of items on the page; `nil` for as many as fit into 1 MB.
  ///   - isAscending: whether the smallest sort key comes first.
  ///   - isConsistent: whether the read is strongly consistent, at twice the price. Global indexes do not support it.
  public func query(
    table: String, index: String? = nil, _ range: KeyRange, attributes: [String], existing: String? = nil,
    from start: Item? = nil, limit: Int? = nil, isAscending: Bool = true, isConsistent: Bool = false
  ) async throws -> Page {
    var names = Self.placeholders(of: attributes)
    let projection = names.keys.sorted().joined(separator: ", ")
    names["#p"] = range.partition.attribute
    var values = [":p": range.partition.value]
    var condition = "#p = :p"
    if let sort = range.sort {
      names["#s"] = sort.attribute
      values[":l"] = sort.from
      values[":u"] = sort.to
      condition += " AND #s BETWEEN :l AND :u"
    }
    if let existing { names["#e"] = existing }
    var input = DynamoDBInput(table: table)
    if let index { input.add("IndexName", index) }
    input.add("KeyConditionExpression", condition)
    if existing != nil { input.add("FilterExpression", "attribute_exists(#e)") }
    input.add("ProjectionExpression", projection)
    input.add("ExpressionAttributeNames", names)
    try input.add("ExpressionAttributeValues", values)
    if let start { try input.add("ExclusiveStartKey", start) }
    if let limit { input.add("Limit", limit) }
    if !isAscending { input.add("ScanIndexForward", false) }
    if isConsistent { input.add("ConsistentRead", true) }
    return try await call("Query", input, maximumResponseBytes: Self.maximumPageBytes) { try Page(json: $0) }
  }

  /// Reads one page of a table, with the named attributes of each item.
  ///
  /// - Parameters:
  ///   - table: the table's name.
  ///   - attributes: the attributes to read; others are left out.
  ///   - start: the `lastEvaluatedKey` of the previous page, `nil` for the first page.
  ///   - limit: the maximum number of items on the page; `nil` for as many as fit into 1 MB.
  public func scan(table: String, attributes: [String], from start: Item? = nil, limit: Int? = nil) async throws
    -> Page
  {
    let names = Self.placeholders(of: attributes)
    var input = DynamoDBInput(table: table)
    input.add("ProjectionExpression", names.keys.sorted().joined(separator: ", "))
    input.add("ExpressionAttributeNames", names)
    if let start { try input.add("ExclusiveStartKey", start) }
    if let limit { input.add("Limit", limit) }
    return try await call("Scan", input, maximumResponseBytes: Self.maximumPageBytes) { try Page(json: $0) }
  }

  /// Placeholders for all names, because some, such as `timestamp`, are reserved words.
  private static func placeholders(of attributes: [String]) -> [String: String] {
    Dictionary(attributes.enumerated().map { ("#a\($0.offset)", $0.element) }) { first, _ in first }
  }
}
