extension Logger {
  /// The value of a structured field.
  public enum Value: Sendable, Equatable {
    /// A text.
    case string(String)
    /// A whole number.
    case int(Int)
    /// A number; JSON lines show one that is not finite as a string.
    case double(Double)
  }
}

extension Logger.Value: Encodable, CustomStringConvertible, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
  /// The value as a text line shows it.
  public var description: String {
    switch self {
    case .string(let value): value
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    }
  }

  /// Creates a string from a literal.
  public init(stringLiteral value: String) { self = .string(value) }

  /// Creates an integer from a literal.
  public init(integerLiteral value: Int) { self = .int(value) }

  /// Encodes the value alone.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .string(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .double(let value): try container.encode(value)
    }
  }
}
