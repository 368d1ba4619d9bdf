extension EventDecoder {
  /// The members of an object.
  struct Members<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let object: Position
    /// The values of a larger object.
    private var values: [String: Int]?

    /// - Returns: `nil` for a value that is no object, and for an object with two members of one name.
    init?(_ object: Position) {
      self.object = object
      let text = object.decoder.text
      guard text.kind(object.value) == .object else { return nil }
      if text.count(object.value) <= EventDecoder.maximumUnsorted {
        guard text.hasUniqueNames(object.value) else { return nil }
      } else {
        let values = Dictionary(names.map { ($0.name, $0.value) }) { first, _ in first }
        guard values.count == text.count(object.value) else { return nil }
        self.values = values
      }
    }

    private var names: [(name: String, value: Int)] {
      let text = object.decoder.text
      var member = object.value + 1
      return (0..<text.count(object.value)).map { _ in
        defer { member = text.next(member + 1) }
        return (text.string(member) ?? "", member + 1)
      }
    }

    var codingPath: [any CodingKey] { object.codingPath }
    var allKeys: [Key] { names.compactMap { Key(stringValue: $0.name) } }
    func contains(_ key: Key) -> Bool { value(key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try object.decoder.text.kind(required(key)) == .null }

    func decode(_ type: String.Type, forKey key: Key) throws -> String {
      try object.decoder.require(object.decoder.text.string(required(key)))
    }

    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
      try object.decoder.require(object.decoder.text.integer(required(key)))
    }

    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
      try object.decoder.require(object.decoder.text.floatingPoint(required(key)))
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
      try object.decoder.decode(type, position(key))
    }

    func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
      try position(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
      try position(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { throw object.decoder.void() }
    func superDecoder(forKey key: Key) throws -> any Decoder { try position(key) }

    private func value(_ key: Key) -> Int? {
      guard let values else { return object.decoder.text.member(key.stringValue, of: object.value) }
      return values[key.stringValue]
    }

    private func required(_ key: Key) throws -> Int { try object.decoder.require(value(key)) }
    private func position(_ key: Key) throws -> Position { object.position(of: try required(key), key) }
  }

  /// The elements of an array.
  struct Elements: UnkeyedDecodingContainer {
    private let array: Position
    private var value: Int
    private(set) var currentIndex = 0

    init(_ array: Position) {
      self.array = array
      value = array.value + 1
    }

    var codingPath: [any CodingKey] { array.codingPath }
    var count: Int? { array.decoder.text.count(array.value) }
    var isAtEnd: Bool { currentIndex == count }

    mutating func decodeNil() throws -> Bool {
      guard !isAtEnd else { throw array.decoder.void() }
      guard array.decoder.text.kind(value) == .null else { return false }
      advance()
      return true
    }

    mutating func decode(_ type: String.Type) throws -> String {
      try array.decoder.require(array.decoder.text.string(next()))
    }

    mutating func decode(_ type: Int.Type) throws -> Int {
      try array.decoder.require(array.decoder.text.integer(next()))
    }

    mutating func decode(_ type: Double.Type) throws -> Double {
      try array.decoder.require(array.decoder.text.floatingPoint(next()))
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
      // An element whose own initializer throws is still the current one.
      let element = try array.decoder.decode(type, position())
      advance()
      return element
    }

    mutating func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
      defer { advance() }
      return try position().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
      defer { advance() }
      return try position().unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder {
      defer { advance() }
      return try position()
    }

    private func position() throws -> Position {
      guard !isAtEnd else { throw array.decoder.void() }
      return array.position(of: value, ElementIndex(currentIndex))
    }

    private mutating func next() throws -> Int {
      guard !isAtEnd else { throw array.decoder.void() }
      defer { advance() }
      return value
    }

    private mutating func advance() {
      guard !isAtEnd else { return }
      value = array.decoder.text.next(value)
      currentIndex += 1
    }
  }
}
