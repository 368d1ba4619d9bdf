extension DynamoDB {
  /// A condition on the stored item. If it is false, the operation fails with `ConditionalCheckFailedException`.
  public struct Condition: Sendable {
    let expression: String
    let names: [String: String]
    let values: Item?

    /// The attribute equals a value.
    public static func equal(_ attribute: String, _ value: AttributeValue) -> Condition {
      Condition(expression: "#c = :c", names: ["#c": attribute], values: [":c": value])
    }

    /// The attribute does not exist.
    public static func missing(_ attribute: String) -> Condition {
      Condition(expression: "attribute_not_exists(#c)", names: ["#c": attribute], values: nil)
    }
  }
}
