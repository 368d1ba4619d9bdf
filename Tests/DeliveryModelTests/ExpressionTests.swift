import Testing

@testable import DeliveryModel

/// DynamoDB's expressions as the chat writes them.
@Suite struct ExpressionTests {
  private static let names = ["#c0": "until", "#c1": "delivery", "#s0": "until", "#d": "ranges"]

  private func holds(_ text: String, _ item: Attribute.Item, _ values: Attribute.Item = [:]) throws -> Bool {
    var expression = Expression(text, names: Self.names, values: values)
    return try expression.holds(for: item)
  }

  @Test("A lease is free if its row is missing or its end has passed", arguments: [(5, true), (10, true), (11, false)])
  func lease(until: Int, isFree: Bool) throws {
    let condition = "(attribute_not_exists(#c0) OR #c0 <= :c0)"
    let values: Attribute.Item = [":c0": .number("10")]
    #expect(try holds(condition, ["until": .number("\(until)")], values) == isFree)
    #expect(try holds(condition, [:], values))
  }

  @Test("AND binds closer than OR, and comparisons of a missing attribute do not hold")
  func precedence() throws {
    let values: Attribute.Item = [":a": .string("x"), ":b": .number("1")]
    #expect(try holds("#c1 = :a OR #c1 = :a AND #c0 = :b", ["delivery": .string("x")], values))
    #expect(try !holds("(#c1 = :a OR #c1 = :a) AND #c0 = :b", ["delivery": .string("x")], values))
    #expect(try !holds("#c0 < :b", [:], values))
  }

  @Test("BETWEEN includes both ends")
  func between() throws {
    let values: Attribute.Item = [":l": .string("b"), ":u": .string("d")]
    for (id, isInside) in [("a", false), ("b", true), ("d", true), ("d0", false)] {
      #expect(try holds("#c1 BETWEEN :l AND :u", ["delivery": .string(id)], values) == isInside)
    }
  }

  @Test("Numbers are compared by value, strings by bytes")
  func comparison() throws {
    #expect(try holds("#c0 < :b", ["until": .number("9")], [":b": .number("10")]))
    #expect(try !holds("#c0 < :b", ["until": .string("9")], [":b": .string("10")]))
  }

  @Test("DELETE removes elements of a set, and the attribute with the last one")
  func deletion() throws {
    let item: Attribute.Item = ["ranges": .stringSet(["0000", "8000"]), "until": .number("1")]
    var expression = Expression(
      "SET #s0 = :u DELETE #d :r", names: Self.names,
      values: [":u": .number("2"), ":r": .stringSet(["0000"])])
    let once = try expression.update(item)
    #expect(once == ["ranges": .stringSet(["8000"]), "until": .number("2")])
    var last = Expression("DELETE #d :r", names: Self.names, values: [":r": .stringSet(["8000", "0000"])])
    #expect(try last.update(once) == ["until": .number("2")])
  }

  @Test("An expression with an unknown name, value or word is refused")
  func invalid() {
    for text in ["#x = :a", "#c0 = :x", "#c0 ~ :a", "attribute_exists(#c0", "#c0 = :a #c0"] {
      #expect(throws: DynamoDBError.self) { try holds(text, ["until": .number("1")], [":a": .number("1")]) }
    }
  }
}
