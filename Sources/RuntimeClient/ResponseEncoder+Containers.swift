extension ResponseEncoder {
  /// The members of an object.
  struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let object: Value

    var codingPath: [any CodingKey] { object.codingPath }

    func encodeNil(forKey key: Key) throws {
      try object.begin(member: key.stringValue)
      object.encoder.append("null")
    }

    func encode(_ value: String, forKey key: Key) throws {
      try object.begin(member: key.stringValue)
      object.encoder.append(string: value)
    }

    func encode(_ value: Int, forKey key: Key) throws {
      try object.begin(member: key.stringValue)
      object.encoder.append("\(value)")
    }

    func encode(_ value: Bool, forKey key: Key) throws {
      try object.begin(member: key.stringValue)
      object.encoder.append(value ? "true" : "false")
    }

    func encode(_ value: Double, forKey key: Key) throws {
      try object.begin(member: key.stringValue)
      try object.encoder.append(number: value)
    }

    func encode<Member: Encodable>(_ value: Member, forKey key: Key) throws {
      try object.begin(member: key.stringValue)
      try object.encode(value, key: key)
    }

    func nestedContainer<Nested: CodingKey>(
      keyedBy keyType: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
      voidValue.container(keyedBy: keyType)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { voidValue.unkeyedContainer() }
    func superEncoder() -> any Encoder { voidValue }
    func superEncoder(forKey key: Key) -> any Encoder { voidValue }

    private var voidValue: Value { object.encoder.voidValue() }
  }

  /// The elements of an array.
  struct Elements: UnkeyedEncodingContainer {
    let array: Value

    var codingPath: [any CodingKey] { array.codingPath }
    var count: Int { array.count }

    func encodeNil() throws {
      try array.beginElement()
      array.encoder.append("null")
    }

    func encode(_ value: String) throws {
      try array.beginElement()
      array.encoder.append(string: value)
    }

    func encode<Element: Encodable>(_ value: Element) throws {
      try array.beginElement()
      try array.encode(value, key: ElementIndex(array.count - 1))
    }

    func nestedContainer<Nested: CodingKey>(keyedBy keyType: Nested.Type) -> KeyedEncodingContainer<Nested> {
      voidValue.container(keyedBy: keyType)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { voidValue.unkeyedContainer() }
    func superEncoder() -> any Encoder { voidValue }

    private var voidValue: Value { array.encoder.voidValue() }
  }
}
