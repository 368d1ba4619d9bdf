extension DynamoDB {
  /// A condition on the stored item; without it the operation fails with `ConditionalCheckFailedException`.
  public indirect enum Condition: Sendable {
    /// The attribute equals a value.
    case equal(String, AttributeValue)
    /// The attribute is at most a value.
    case atMost(String, AttributeValue)
    /// The attribute exists.
    case exists(String)
    /// The attribute does not exist.
    case missing(String)
    /// All conditions hold.
    case all([Condition])
    /// At least one condition holds.
    case any([Condition])
  }
}

extension DynamoDB.Condition {
  /// The expression; its placeholders are added to names and values.
  func expression(_ names: inout [String: String], _ values: inout DynamoDB.Item) -> String {
    switch self {
    case .equal(let attribute, let value): comparison(attribute, "=", value, &names, &values)
    case .atMost(let attribute, let value): comparison(attribute, "<=", value, &names, &values)
    case .exists(let attribute): "attribute_exists(\(Self.placeholder(attribute, &names)))"
    case .missing(let attribute): "attribute_not_exists(\(Self.placeholder(attribute, &names)))"
    case .all(let conditions): Self.join(conditions, " AND ", &names, &values)
    case .any(let conditions): Self.join(conditions, " OR ", &names, &values)
    }
  }

  private func comparison(
    _ attribute: String, _ comparator: String, _ value: AttributeValue, _ names: inout [String: String],
    _ values: inout DynamoDB.Item
  ) -> String {
    let placeholder = ":c\(values.count)"
    values[placeholder] = value
    return "\(Self.placeholder(attribute, &names)) \(comparator) \(placeholder)"
  }

  private static func placeholder(_ attribute: String, _ names: inout [String: String]) -> String {
    let placeholder = "#c\(names.count)"
    names[placeholder] = attribute
    return placeholder
  }

  private static func join(
    _ conditions: [DynamoDB.Condition], _ separator: String, _ names: inout [String: String],
    _ values: inout DynamoDB.Item
  ) -> String {
    var parts: [String] = []
    for condition in conditions { parts.append(condition.expression(&names, &values)) }
    return "(" + parts.joined(separator: separator) + ")"
  }
}
