import JSON

/// The input of an operation as JSON, with DynamoDB's own member names.
///
/// Written directly, without `JSONEncoder`, because each message needs several such inputs.
struct DynamoDBInput {
  private var object = JSONObjectText()

  init(table: String) { object.add("TableName", table) }

  var json: [UInt8] { object.bytes }

  mutating func add(_ name: String, _ value: String) { object.add(name, value) }
  mutating func add(_ name: String, _ value: Int) { object.add(name, value) }
  mutating func add(_ name: String, _ value: Bool) { object.add(name, value) }

  mutating func add(_ name: String, _ strings: [String: String]) {
    var members = JSONObjectText()
    for (name, string) in strings { members.add(name, string) }
    object.add(name, json: members.bytes)
  }

  /// - Throws: `EncodingError` for a value of an unknown type.
  mutating func add(_ name: String, _ item: DynamoDB.Item) throws {
    var members = JSONObjectText()
    for (name, value) in item { members.add(name, json: try Self.json(value)) }
    object.add(name, json: members.bytes)
  }

  private static func json(_ value: AttributeValue) throws -> [UInt8] {
    var object = JSONObjectText()
    switch value {
    case .string(let text): object.add("S", text)
    case .number(let digits): object.add("N", digits)
    case .bool(let bool): object.add("BOOL", bool)
    case .stringSet(let strings): object.add("SS", strings: strings)
    case .other:
      throw EncodingError.invalidValue(
        value, .init(codingPath: [], debugDescription: "a value of an unknown type cannot be encoded"))
    }
    return object.bytes
  }
}
