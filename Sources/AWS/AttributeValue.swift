import JSON

/// A value in a DynamoDB item, of the types that a chat needs.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>
public enum AttributeValue: Sendable, Equatable {
  /// A string: `{"S": "…"}`.
  case string(String)
  /// A number, in DynamoDB's own decimal text so that nothing is lost: `{"N": "…"}`.
  case number(String)
  /// A Boolean: `{"BOOL": true}`.
  case bool(Bool)
  /// A value of another type, which is read past.
  case other

  /// The string, `nil` for any other type.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The number where it is a whole one that fits, `nil` otherwise.
  public var int: Int? { if case .number(let value) = self { Int(value) } else { nil } }

  /// A whole number.
  public static func int(_ value: Int) -> AttributeValue { .number("\(value)") }
}

extension AttributeValue: Encodable {
  private enum Key: String, CodingKey {
    case S, N, BOOL
  }

  /// Encodes DynamoDB's JSON form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .string(let value): try container.encode(value, forKey: .S)
    case .number(let value): try container.encode(value, forKey: .N)
    case .bool(let value): try container.encode(value, forKey: .BOOL)
    case .other:
      throw EncodingError.invalidValue(
        self, .init(codingPath: encoder.codingPath, debugDescription: "a value of an unknown type cannot be written"))
    }
  }
}

extension JSONScanner {
  /// Reads an item in DynamoDB's JSON form.
  mutating func item() throws(Mismatch) -> DynamoDB.Item {
    var item = DynamoDB.Item(minimumCapacity: 4)
    try object { (name, scanner) throws(Mismatch) in item[name] = try scanner.attributeValue() }
    return item
  }

  private mutating func attributeValue() throws(Mismatch) -> AttributeValue {
    var value = AttributeValue.other
    try object { (type, scanner) throws(Mismatch) in
      switch type {
      case "S": value = .string(try scanner.string())
      case "N": value = .number(try scanner.string())
      case "BOOL": value = .bool(try scanner.bool())
      default: try scanner.skipValue()
      }
    }
    return value
  }
}
