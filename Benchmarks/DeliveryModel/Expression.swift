/// A reader of DynamoDB's expressions: conditions, filters and updates.
struct Expression {
  private let tokens: [String]
  private var index = 0
  private let names: [String: String]
  private let values: Attribute.Item

  /// - Parameters:
  ///   - names: `ExpressionAttributeNames`.
  ///   - values: `ExpressionAttributeValues`.
  init(_ text: String, names: [String: String], values: Attribute.Item) {
    tokens = Self.tokens(of: text)
    self.names = names
    self.values = values
  }

  private static func tokens(of text: String) -> [String] {
    var tokens: [String] = []
    var word = ""
    func flush() {
      if !word.isEmpty { tokens.append(word) }
      word = ""
    }
    for character in text {
      switch character {
      case " ", "\n", "\t": flush()
      case "(", ")", ",", "+", "-":
        flush()
        tokens.append(String(character))
      case "=", "<", ">":
        flush()
        if let last = tokens.last, last == "<" || last == ">", !(last == ">" && character == "<") {
          tokens[tokens.count - 1] = last + String(character)
        } else {
          tokens.append(String(character))
        }
      default: word.append(character)
      }
    }
    flush()
    return tokens
  }

  private var current: String? { index < tokens.count ? tokens[index] : nil }

  private mutating func take() throws(DynamoDBError) -> String {
    guard let token = current else { throw .validation("the expression ends early") }
    index += 1
    return token
  }

  private mutating func skip(_ token: String) -> Bool {
    guard current?.uppercased() == token else { return false }
    index += 1
    return true
  }

  private mutating func require(_ token: String) throws(DynamoDBError) {
    guard skip(token) else { throw .validation("expected \(token), found \(current ?? "the end")") }
  }

  private mutating func end() throws(DynamoDBError) {
    if let current { throw .validation("unexpected \(current)") }
  }

  private mutating func path() throws(DynamoDBError) -> String {
    let token = try take()
    guard token.hasPrefix("#") else { return token }
    guard let name = names[token] else { throw .validation("\(token) is not in ExpressionAttributeNames") }
    return name
  }

  private mutating func value() throws(DynamoDBError) -> Attribute {
    let token = try take()
    guard let value = values[token] else { throw .validation("\(token) is not in ExpressionAttributeValues") }
    return value
  }

  // MARK: - Conditions

  /// Whether the condition holds for an item; a missing item has no attributes.
  mutating func holds(for item: Attribute.Item) throws(DynamoDBError) -> Bool {
    let result = try disjunction(item)
    try end()
    return result
  }

  private mutating func disjunction(_ item: Attribute.Item) throws(DynamoDBError) -> Bool {
    var result = try conjunction(item)
    while skip("OR") { result = try conjunction(item) || result }
    return result
  }

  private mutating func conjunction(_ item: Attribute.Item) throws(DynamoDBError) -> Bool {
    var result = try term(item)
    while skip("AND") { result = try term(item) && result }
    return result
  }

  private mutating func term(_ item: Attribute.Item) throws(DynamoDBError) -> Bool {
    if skip("NOT") { return try !term(item) }
    if skip("(") {
      let result = try disjunction(item)
      try require(")")
      return result
    }
    switch current {
    case "attribute_exists", "attribute_not_exists", "begins_with", "contains": return try function(item)
    default: return try comparison(item)
    }
  }

  private mutating func function(_ item: Attribute.Item) throws(DynamoDBError) -> Bool {
    let name = try take()
    try require("(")
    let attribute = item[try path()]
    var result = attribute != nil
    if name == "attribute_not_exists" { result.toggle() }
    if skip(",") {
      let argument = try operand(item)
      result =
        switch (attribute, argument) {
        case (.stringSet(let strings), .string(let element)) where name == "contains": strings.contains(element)
        case (.string(let text), .string(let prefix)) where name == "begins_with": text.hasPrefix(prefix)
        default: false
        }
    }
    try require(")")
    return result
  }

  private mutating func operand(_ item: Attribute.Item) throws(DynamoDBError) -> Attribute? {
    if current?.hasPrefix(":") == true { return try value() }
    return item[try path()]
  }

  private mutating func comparison(_ item: Attribute.Item) throws(DynamoDBError) -> Bool {
    let left = try operand(item)
    let comparator = try take()
    let right = try operand(item)
    if comparator.uppercased() == "BETWEEN" {
      try require("AND")
      let upper = try operand(item)
      guard let left, let right, let upper else { return false }
      return left.isLess(than: right) == false && upper.isLess(than: left) == false
    }
    guard let left, let right else { return false }
    switch comparator {
    case "=": return left.equals(right)
    case "<>": return !left.equals(right)
    case "<": return left.isLess(than: right) == true
    case "<=": return right.isLess(than: left) == false
    case ">": return right.isLess(than: left) == true
    case ">=": return left.isLess(than: right) == false
    default: throw .validation("unknown comparator \(comparator)")
    }
  }

  // MARK: - Updates

  /// The item after an update.
  mutating func update(_ item: Attribute.Item) throws(DynamoDBError) -> Attribute.Item {
    var updated = item
    while current != nil {
      let clause = try take().uppercased()
      repeat {
        let name = try path()
        switch clause {
        case "SET":
          try require("=")
          updated[name] = try assigned(item)
        case "REMOVE": updated[name] = nil
        case "ADD": updated[name] = try sum(updated[name], try value())
        case "DELETE":
          guard case .stringSet(let elements) = try value() else { throw .validation("DELETE needs a set") }
          if case .stringSet(let strings) = updated[name] {
            let rest = strings.subtracting(elements)
            // DynamoDB removes an empty set.
            updated[name] = rest.isEmpty ? nil : .stringSet(rest)
          }
        default: throw .validation("unknown clause \(clause)")
        }
      } while skip(",")
    }
    return updated
  }

  private mutating func assigned(_ item: Attribute.Item) throws(DynamoDBError) -> Attribute {
    var result: Attribute
    if skip("IF_NOT_EXISTS") {
      try require("(")
      let existing = item[try path()]
      try require(",")
      let otherwise = try operand(item)
      try require(")")
      guard let value = existing ?? otherwise else { throw .validation("if_not_exists has no value") }
      result = value
    } else {
      guard let value = try operand(item) else { throw .validation("SET reads a missing attribute") }
      result = value
    }
    while skip("+") { result = try sum(result, try value()) }
    return result
  }

  private func sum(_ left: Attribute?, _ right: Attribute) throws(DynamoDBError) -> Attribute {
    switch (left, right) {
    case (nil, _): return right
    case (.number(let first), .number(let second)):
      guard let first = Int(first), let second = Int(second) else { throw .validation("only whole numbers") }
      return .number("\(first + second)")
    case (.stringSet(let first), .stringSet(let second)): return .stringSet(first.union(second))
    default: throw .validation("the operands have different types")
    }
  }
}
