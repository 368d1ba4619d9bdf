/// Header fields in order; names are compared without regard to case (RFC 9110, section 5.1).
public struct HTTPHeaders: Sendable, Equatable {
  /// One field line.
  public struct Field: Sendable, Equatable {
    /// The field name, in the case it was given in.
    public let name: String
    /// The field value, unchanged.
    public let value: String
  }

  /// The fields in the order in which they were added.
  public internal(set) var fields: [Field] = []

  /// Creates an empty list of fields.
  public init() {}

  /// Copies fields and reserves capacity for more.
  package init(_ fields: [Field], reserving more: Int) {
    self.fields.reserveCapacity(fields.count + more)
    self.fields += fields
  }

  /// The first value of a field; setting it replaces every field line of that name, `nil` removes them.
  public subscript(name: String) -> String? {
    get { fields.first { $0.name.equalsIgnoringASCIICase(name) }?.value }
    set {
      fields.removeAll { $0.name.equalsIgnoringASCIICase(name) }
      if let newValue { add(name: name, value: newValue) }
    }
  }

  /// The values of all field lines of a name, in order.
  func values(_ name: String) -> [String] {
    fields.filter { $0.name.equalsIgnoringASCIICase(name) }.map(\.value)
  }

  /// Adds a field line beside any of the same name.
  public mutating func add(name: String, value: String) {
    fields.append(Field(name: name, value: value))
  }
}

extension HTTPHeaders {
  /// Whether a field of this name and value can be sent; see `Field.isValid`.
  package static func isValidField(_ name: String, _ value: String) -> Bool {
    Field(name: name, value: value).isValid
  }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
  /// Creates fields from a literal, in its order; a name may occur more than once.
  public init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { add(name: name, value: value) }
  }
}

extension HTTPHeaders.Field {
  /// Whether the field can be sent: its name is a token, and its value has no control character but tab.
  /// Anything else could end the field line and begin another (RFC 9110, section 5.5).
  var isValid: Bool {
    func isControl(_ byte: UInt8) -> UInt8 {
      ((byte < 0x20 ? 1 : 0) & (byte == UInt8(ascii: "\t") ? 0 : 1)) | (byte == 0x7F ? 1 : 0)
    }
    return !value.containsByte(where: isControl) && name.isToken
  }
}

extension String {
  /// Whether the text is a token, such as a field's name or a method (RFC 9110, section 5.6.2).
  var isToken: Bool { !isEmpty && !containsByte { $0.isTokenCharacter ? 0 : 1 } }
}

extension UInt8 {
  /// Whether the byte may be part of a token (RFC 9110, section 5.6.2).
  var isTokenCharacter: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
      true
    default:
      "!#$%&'*+.^_`|~".utf8.contains(self)
    }
  }
}

extension String {
  fileprivate func equalsIgnoringASCIICase(_ other: String) -> Bool {
    // Most names differ in length or are spelled alike, so the slow comparison is rare.
    utf8.count == other.utf8.count
      && (self == other
        || zip(utf8, other.utf8).allSatisfy { $0 == $1 || ($0 | 0x20 == $1 | 0x20 && $0.isASCIILetter) })
  }
}

extension UInt8 {
  fileprivate var isASCIILetter: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
  }
}
