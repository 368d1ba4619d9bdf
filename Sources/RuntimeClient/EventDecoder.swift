import JSON

/// Decodes most valid events as `JSONDecoder()` does, in half the time; leaves the others, and all errors, to `JSONDecoder`.
///
/// The attempt becomes void, even if the event's type catches the error, by a value of another type than expected, a
/// missing key, two members of one name, a name that is not plain ASCII, and by `Data`, `URL` and `Decimal`, for which
/// `JSONDecoder` has rules of its own. An event that is left to `JSONDecoder` takes the time of both.
final class EventDecoder {
  /// The error of a void attempt.
  private struct VoidAttempt: Error {}

  /// The maximum number of an object's members that are searched one by one.
  static let maximumUnsorted = 16

  let text: JSONIndex
  private let foundationTypes: FoundationTypes
  private var isVoid = false

  private init(_ text: JSONIndex, _ foundationTypes: FoundationTypes) {
    (self.text, self.foundationTypes) = (text, foundationTypes)
  }

  /// Decodes an event.
  ///
  /// - Returns: `nil` if the attempt is void, or the event invalid.
  static func decode<Event: Decodable>(
    _ type: Event.Type, from payload: [UInt8], except foundationTypes: FoundationTypes
  ) -> Event? {
    guard let text = JSONIndex(payload), text.hasPlainNames else { return nil }
    let decoder = EventDecoder(text, foundationTypes)
    let event = try? decoder.decode(type, Position(decoder: decoder, value: 0, path: nil))
    return decoder.isVoid ? nil : event
  }

  func void() -> any Error {
    isVoid = true
    return VoidAttempt()
  }

  /// Returns a value that was read, or makes the attempt void.
  @inline(__always) func require<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw void() }
    return value
  }

  func decode<Value: Decodable>(_ type: Value.Type, _ position: Position) throws -> Value {
    // `JSONDecoder` does not decode these as they decode themselves.
    guard !foundationTypes.contains(type) else { throw void() }
    return try Value(from: position)
  }
}

extension EventDecoder {
  /// The keys around a value, innermost first.
  final class Path {
    let key: any CodingKey
    let outer: Path?

    init(_ key: any CodingKey, within outer: Path?) { (self.key, self.outer) = (key, outer) }
  }

  /// One value of the event.
  struct Position: Decoder, SingleValueDecodingContainer {
    let decoder: EventDecoder
    let value: Int
    let path: Path?

    var userInfo: [CodingUserInfoKey: Any] { [:] }

    var codingPath: [any CodingKey] {
      var keys: [any CodingKey] = []
      var path = path
      while let inner = path {
        keys.append(inner.key)
        path = inner.outer
      }
      return keys.reversed()
    }

    func position(of value: Int, _ key: any CodingKey) -> Position {
      Position(decoder: decoder, value: value, path: Path(key, within: path))
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
      guard let members = Members<Key>(self) else { throw decoder.void() }
      return KeyedDecodingContainer(members)
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
      guard decoder.text.kind(value) == .array else { throw decoder.void() }
      return Elements(self)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func decodeNil() -> Bool { decoder.text.kind(value) == .null }
    func decode(_ type: Bool.Type) throws -> Bool { try decoder.require(bool) }
    func decode(_ type: String.Type) throws -> String { try decoder.require(decoder.text.string(value)) }
    func decode(_ type: Double.Type) throws -> Double { try decoder.require(decoder.text.floatingPoint(value)) }
    func decode(_ type: Float.Type) throws -> Float { try decoder.require(decoder.text.floatingPoint(value)) }
    func decode(_ type: Int.Type) throws -> Int { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: Int8.Type) throws -> Int8 { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: Int16.Type) throws -> Int16 { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: Int32.Type) throws -> Int32 { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: Int64.Type) throws -> Int64 { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: UInt.Type) throws -> UInt { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.require(decoder.text.integer(value)) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.require(decoder.text.integer(value)) }
    @available(macOS 15, *)
    func decode(_ type: Int128.Type) throws -> Int128 { try decoder.require(decoder.text.integer(value)) }
    @available(macOS 15, *)
    func decode(_ type: UInt128.Type) throws -> UInt128 { try decoder.require(decoder.text.integer(value)) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoder.decode(type, self) }

    private var bool: Bool? {
      switch decoder.text.kind(value) {
      case .true: true
      case .false: false
      default: nil
      }
    }
  }
}
