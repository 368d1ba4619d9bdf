import JSON

/// A value of DynamoDB: of the types that the chat uses.
enum Attribute: Equatable {
  case string(String)
  case number(String)
  case bool(Bool)
  case stringSet(Set<String>)

  typealias Item = [String: Attribute]

  /// Reads `{"S":"…"}` and its like.
  init(_ tree: JSONTree) throws(DynamoDBError) {
    guard let (type, value) = tree.object?.first else { throw .validation("an attribute is not an object") }
    switch (type, value) {
    case ("S", .string(let text)): self = .string(text)
    case ("N", .string(let text)) where Double(text) != nil: self = .number(text)
    case ("BOOL", .other(let text)) where text == "true" || text == "false": self = .bool(text == "true")
    case ("SS", .array(let elements)):
      let strings = elements.compactMap(\.string)
      guard !strings.isEmpty, strings.count == elements.count, Set(strings).count == strings.count else {
        throw .validation("a string set is empty, or has duplicates or elements that are no strings")
      }
      self = .stringSet(Set(strings))
    default: throw .validation("unsupported attribute type \(type)")
    }
  }

  static func item(_ tree: JSONTree?) throws(DynamoDBError) -> Item {
    guard let members = tree?.object else { throw .validation("an item is missing") }
    var item: Item = [:]
    for (name, value) in members { item[name] = try Attribute(value) }
    return item
  }

  var string: String? { if case .string(let text) = self { text } else { nil } }

  var json: [UInt8] {
    var object = JSONObjectText()
    switch self {
    case .string(let text): object.add("S", text)
    case .number(let text): object.add("N", text)
    case .bool(let value): object.add("BOOL", value)
    case .stringSet(let strings):
      object.add("SS", array: strings.sorted().map { Array("\"\($0)\"".utf8) })
    }
    return object.bytes
  }

  /// The size by which DynamoDB counts capacity, in bytes.
  var size: Int {
    switch self {
    case .string(let text): text.utf8.count
    case .number(let text): text.utf8.count / 2 + 2
    case .bool: 1
    case .stringSet(let strings): strings.reduce(0) { $0 + $1.utf8.count }
    }
  }

  /// Whether this value is less than another of its type; `nil` if the types differ or have no order.
  func isLess(than other: Attribute) -> Bool? {
    switch (self, other) {
    case (.string(let left), .string(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
    case (.number(let left), .number(let right)): (Double(left) ?? 0) < (Double(right) ?? 0)
    default: nil
    }
  }

  /// Whether the values are equal, numbers by value.
  func equals(_ other: Attribute) -> Bool {
    if case (.number(let left), .number(let right)) = (self, other) { return Double(left) == Double(right) }
    return self == other
  }
}

extension Attribute.Item {
  var json: [UInt8] {
    var object = JSONObjectText()
    for (name, value) in self { object.add(name, json: value.json) }
    return object.bytes
  }

  var size: Int { reduce(0) { $0 + $1.key.utf8.count + $1.value.size } }
}

/// An error response of DynamoDB.
enum DynamoDBError: Error, Equatable {
  case validation(String)
  /// The item as it is, if the request asks for it.
  case conditionFailed(Attribute.Item?)

  var body: [UInt8] {
    var object = JSONObjectText()
    switch self {
    case .validation(let message):
      object.add("__type", "com.amazon.coral.validate#ValidationException")
      object.add("message", message)
    case .conditionFailed(let item):
      object.add("__type", "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException")
      object.add("message", "The conditional request failed")
      if let item { object.add("Item", json: item.json) }
    }
    return object.bytes
  }
}
