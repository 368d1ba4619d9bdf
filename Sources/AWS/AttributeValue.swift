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

extension AttributeValue: Codable {
  private enum Key: String, CodingKey {
    case S, N, BOOL
  }

  /// Decodes DynamoDB's JSON form.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    if let value = try container.decodeIfPresent(String.self, forKey: .S) {
      self = .string(value)
    } else if let value = try container.decodeIfPresent(String.self, forKey: .N) {
      self = .number(value)
    } else if let value = try container.decodeIfPresent(Bool.self, forKey: .BOOL) {
      self = .bool(value)
    } else {
      self = .other
    }
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
