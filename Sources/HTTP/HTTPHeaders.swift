/// Header fields in order; names are compared without regard to case (RFC 9110, section 5.1).
public struct HTTPHeaders: Sendable, Equatable {
  /// One field line.
  public struct Field: Sendable, Equatable {
    /// The field name as it was given.
    public let name: String
    /// The field value as it was given.
    public let value: String
  }

  /// The fields in the order in which they were added.
  public internal(set) var fields: [Field] = []

  /// Makes an empty set of fields.
  public init() {}

  /// The first value of a field; setting it replaces every field line of that name, `nil` removes them.
  public subscript(name: String) -> String? {
    get { fields.first { $0.name.equalsIgnoringASCIICase(name) }?.value }
    set {
      fields.removeAll { $0.name.equalsIgnoringASCIICase(name) }
      if let newValue { add(name: name, value: newValue) }
    }
  }

  /// Adds a field line beside any of the same name.
  public mutating func add(name: String, value: String) {
    fields.append(Field(name: name, value: value))
  }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
  /// Makes fields of a literal, in its order; a name may occur more than once.
  public init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { add(name: name, value: value) }
  }
}

extension HTTPHeaders.Field {
  /// Whether the field may go into a request: a token for a name, and no control character but tab in the value.
  /// Anything else could end the field line and begin another (RFC 9110, section 5.5).
  var isValid: Bool {
    func mayStand(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\t") || (byte >= 0x20 && byte != 0x7F) }
    // A session token has a thousand bytes, and by the string's own view each takes many times as long.
    let isValueValid =
      value.utf8.withContiguousStorageIfAvailable { $0.allSatisfy(mayStand) } ?? value.utf8.allSatisfy(mayStand)
    return isValueValid && !name.isEmpty && name.utf8.allSatisfy(\.isTokenCharacter)
  }
}

extension UInt8 {
  /// Whether the byte may stand in a token (RFC 9110, section 5.6.2).
  var isTokenCharacter: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default:
      "!#$%&'*+-.^_`|~".utf8.contains(self)
    }
  }
}

extension String {
  fileprivate func equalsIgnoringASCIICase(_ other: String) -> Bool {
    utf8.count == other.utf8.count
      && zip(utf8, other.utf8).allSatisfy { $0 == $1 || ($0 | 0x20 == $1 | 0x20 && $0.isASCIILetter) }
  }
}

extension UInt8 {
  fileprivate var isASCIILetter: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
  }
}
