import JSON

/// A value in a DynamoDB item: a string, a number, a Boolean or a set of strings.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>
public enum AttributeValue: Sendable, Equatable {
  /// A string: `{"S": "…"}`.
  case string(String)
  /// A number as decimal text, so that no digit is lost: `{"N": "…"}`.
  case number(String)
  /// A Boolean: `{"BOOL": true}`.
  case bool(Bool)
  /// A set of strings: `{"SS": ["…"]}`. Its order is undefined, and DynamoDB refuses an empty set.
  case stringSet([String])
  /// A value of another type, whose content is skipped.
  case other

  /// The string, `nil` for any other type.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements of a set of strings in an undefined order, `nil` for any other type.
  public var stringSet: [String]? { if case .stringSet(let value) = self { value } else { nil } }

  /// The number as an `Int`; `nil` if it is not whole, does not fit, or the value is of another type.
  public var int: Int? { if case .number(let value) = self { Int(value) } else { nil } }

  /// A whole number.
  public static func int(_ value: Int) -> AttributeValue { .number("\(value)") }
}

extension AttributeValue: Encodable {
  private enum Key: String, CodingKey {
    case S, N, BOOL, SS
  }

  /// Encodes DynamoDB's JSON form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .string(let value): try container.encode(value, forKey: .S)
    case .number(let value): try container.encode(value, forKey: .N)
    case .bool(let value): try container.encode(value, forKey: .BOOL)
    case .stringSet(let value): try container.encode(value, forKey: .SS)
    case .other:
      throw EncodingError.invalidValue(
        self, .init(codingPath: encoder.codingPath, debugDescription: "a value of an unknown type cannot be encoded"))
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
      case "SS":
        var strings: [String] = []
        try scanner.array { (scanner) throws(Mismatch) in strings.append(try scanner.string()) }
        value = .stringSet(strings)
      default: try scanner.skipValue()
      }
    }
    return value
  }
}
