import JSON

/// Encodes most responses as `JSONEncoder()` does, in half the time and with slashes unescaped; leaves the others, and all
/// errors, to `JSONEncoder`.
///
/// The text is written in the order of the calls. The attempt becomes void, even if the response's type catches the error,
/// by nested containers and super encoders, which can be filled alternately; by two members of one name, a number that JSON
/// cannot represent, and a value that encodes nothing; and by `Data`, `URL` and `Decimal`, for which `JSONEncoder` has rules
/// of its own.
final class ResponseEncoder {
  /// The error of a void attempt.
  private struct VoidAttempt: Error {}

  private var text: [UInt8] = []
  private var isVoid = false
  /// The innermost value that has not ended: the only one that can be continued.
  private var current: Value?

  private let foundationTypes: FoundationTypes

  private init(_ foundationTypes: FoundationTypes) {
    self.foundationTypes = foundationTypes
    text.reserveCapacity(256)
  }

  /// Encodes a response.
  ///
  /// - Returns: `nil` if the attempt is void, or the response's type throws an error.
  static func encode<Response: Encodable>(_ response: Response, except foundationTypes: FoundationTypes) -> [UInt8]? {
    let encoder = ResponseEncoder(foundationTypes)
    // A value that has not ended, after an error, would keep the encoder, and the encoder the value.
    defer { encoder.current = nil }
    let isEncoded = (try? encoder.encode(response, within: nil, key: nil)) != nil
    return isEncoded && !encoder.isVoid ? encoder.text : nil
  }

  func void() -> any Error {
    isVoid = true
    return VoidAttempt()
  }

  /// A value for what is written after the attempt became void.
  func voidValue() -> Value {
    isVoid = true
    return Value(self, within: nil, key: nil)
  }

  private func encode<Response: Encodable>(_ response: Response, within outer: Value?, key: (any CodingKey)?) throws {
    // `JSONEncoder` does not encode these as they encode themselves.
    guard !foundationTypes.contains(Response.self) else { throw void() }
    let value = Value(self, within: outer, key: key)
    current = value
    do {
      try response.encode(to: value)
    } catch {
      // A part of the value may have been written.
      isVoid = true
      throw error
    }
    switch value.kind {
    case .none: throw void()
    case .object: text.append(UInt8(ascii: "}"))
    case .array: text.append(UInt8(ascii: "]"))
    case .scalar: break
    }
    current = outer
  }

  func append(_ text: String) { self.text += text.utf8 }

  /// Appends a number, without the fraction of a whole one.
  func append(number: some BinaryFloatingPoint & CustomStringConvertible) throws {
    guard number.isFinite else { throw void() }
    if let integer = Int32(exactly: number), integer != 0 { return append("\(integer)") }
    let text = number.description.utf8
    self.text += text.suffix(2).elementsEqual(".0".utf8) ? text.dropLast(2) : text[...]
  }

  /// Appends a string.
  func append(string: String) { JSONObjectText.append(string, to: &text) }
}

extension ResponseEncoder {
  /// A value of the response.
  final class Value: Encoder, SingleValueEncodingContainer {
    enum Kind { case none, object, array, scalar }

    let encoder: ResponseEncoder
    private let outer: Value?
    private let key: (any CodingKey)?
    fileprivate private(set) var kind = Kind.none
    /// The names of an object's members.
    private var names: [String] = []
    /// The names of a larger object, for which a search one by one takes longer.
    private var manyNames: Set<String> = []
    /// The number of an array's elements.
    private(set) var count = 0

    fileprivate init(_ encoder: ResponseEncoder, within outer: Value?, key: (any CodingKey)?) {
      (self.encoder, self.outer, self.key) = (encoder, outer, key)
    }

    var userInfo: [CodingUserInfoKey: Any] { [:] }
    var codingPath: [any CodingKey] { (outer?.codingPath ?? []) + (key.map { [$0] } ?? []) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
      begin(.object, "{")
      return KeyedEncodingContainer(Members(object: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
      begin(.array, "[")
      return Elements(array: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    private func begin(_ kind: Kind, _ start: Unicode.Scalar) {
      guard self.kind != kind else { return }
      if self.kind != .none || encoder.current !== self { _ = encoder.void() }
      self.kind = kind
      encoder.text.append(UInt8(ascii: start))
    }

    /// Begins the next member of an object.
    func begin(member name: String) throws {
      guard encoder.current === self, addName(name) else { throw encoder.void() }
      if names.count > 1 { encoder.text.append(UInt8(ascii: ",")) }
      JSONObjectText.append(name, to: &encoder.text)
      encoder.text.append(UInt8(ascii: ":"))
    }

    /// - Returns: whether the object has no other member of this name.
    private func addName(_ name: String) -> Bool {
      names.append(name)
      guard names.count > EventDecoder.maximumUnsorted else { return !names.dropLast().contains(name) }
      if manyNames.isEmpty { manyNames.formUnion(names.dropLast()) }
      return manyNames.insert(name).inserted
    }

    /// Begins the next element of an array.
    func beginElement() throws {
      guard encoder.current === self else { throw encoder.void() }
      if count > 0 { encoder.text.append(UInt8(ascii: ",")) }
      count += 1
    }

    func encode<Inner: Encodable>(_ value: Inner, key: any CodingKey) throws {
      try encoder.encode(value, within: self, key: key)
    }

    // MARK: - A single value

    func encodeNil() throws { try encode(scalar: "null") }
    func encode(_ value: Bool) throws { try encode(scalar: value ? "true" : "false") }
    func encode(_ value: Int) throws { try encode(scalar: "\(value)") }
    func encode(_ value: Int8) throws { try encode(scalar: "\(value)") }
    func encode(_ value: Int16) throws { try encode(scalar: "\(value)") }
    func encode(_ value: Int32) throws { try encode(scalar: "\(value)") }
    func encode(_ value: Int64) throws { try encode(scalar: "\(value)") }
    func encode(_ value: UInt) throws { try encode(scalar: "\(value)") }
    func encode(_ value: UInt8) throws { try encode(scalar: "\(value)") }
    func encode(_ value: UInt16) throws { try encode(scalar: "\(value)") }
    func encode(_ value: UInt32) throws { try encode(scalar: "\(value)") }
    func encode(_ value: UInt64) throws { try encode(scalar: "\(value)") }
    @available(macOS 15, *)
    func encode(_ value: Int128) throws { try encode(scalar: "\(value)") }
    @available(macOS 15, *)
    func encode(_ value: UInt128) throws { try encode(scalar: "\(value)") }
    func encode(_ value: Double) throws { try encode(number: value) }
    func encode(_ value: Float) throws { try encode(number: value) }

    func encode(_ value: String) throws {
      try beginScalar()
      encoder.append(string: value)
    }

    func encode<Inner: Encodable>(_ value: Inner) throws {
      try beginScalar()
      try encoder.encode(value, within: self, key: nil)
    }

    private func beginScalar() throws {
      guard kind == .none, encoder.current === self else { throw encoder.void() }
      kind = .scalar
    }

    private func encode(number: some BinaryFloatingPoint & CustomStringConvertible) throws {
      try beginScalar()
      try encoder.append(number: number)
    }

    private func encode(scalar: String) throws {
      try beginScalar()
      encoder.append(scalar)
    }
  }
}
