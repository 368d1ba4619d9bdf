#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Compiled into the program that uses them, as all typed forms of `Lambda.run`: an executable without typed functions does
/// not contain `JSONDecoder`, `JSONEncoder` and `Data`, which bring FoundationEssentials with them, a quarter of the zip.
extension Lambda {
  /// A handler of bytes around one of decoded events and encoded responses.
  @_alwaysEmitIntoClient
  static func codable<
    Event: Decodable & SendableMetatype, Response: Encodable & SendableMetatype
  >(
    _ decoder: JSONDecoder?, _ encoder: JSONEncoder?,
    _ handler: @escaping @Sendable (Event, InvocationContext) async throws -> Response
  ) -> Runtime.Handler {
    { payload, context in
      try encode(try await handler(try decode(payload, decoder), context), encoder)
    }
  }

  /// A handler of bytes around one of decoded events, which responds with `null`.
  @_alwaysEmitIntoClient static func codable<Event: Decodable & SendableMetatype>(
    _ decoder: JSONDecoder?, _ handler: @escaping @Sendable (Event, InvocationContext) async throws -> Void
  ) -> Runtime.Handler {
    { payload, context in
      try await handler(try decode(payload, decoder), context)
      return Array("null".utf8)
    }
  }

  /// Decodes an event, without a decoder as `JSONDecoder()` does.
  @_alwaysEmitIntoClient static func decode<Event: Decodable & SendableMetatype>(
    _ payload: [UInt8], _ decoder: JSONDecoder?
  ) throws(FunctionError) -> Event {
    if decoder == nil, let event = decodeQuickly(Event.self, from: payload, except: foundationTypes) { return event }
    do {
      return try (decoder ?? JSONDecoder()).decode(Event.self, from: Data(payload))
    } catch {
      throw FunctionError(decoding: error, of: payload)
    }
  }

  /// Encodes a response, without an encoder as `JSONEncoder()` does.
  @_alwaysEmitIntoClient static func encode<Response: Encodable & SendableMetatype>(
    _ response: Response, _ encoder: JSONEncoder?
  ) throws(FunctionError) -> [UInt8] {
    if encoder == nil, let bytes = encodeQuickly(response, except: foundationTypes) { return bytes }
    do {
      return Array(try (encoder ?? JSONEncoder()).encode(response))
    } catch {
      throw FunctionError(encoding: error)
    }
  }

  /// The types that `JSONDecoder` and `JSONEncoder` code in a way of their own.
  @_alwaysEmitIntoClient static var foundationTypes: FoundationTypes {
    FoundationTypes(
      data: ObjectIdentifier(Data.self), url: ObjectIdentifier(URL.self), decimal: ObjectIdentifier(Decimal.self))
  }

  @usableFromInline static func decodeQuickly<Event: Decodable>(
    _ type: Event.Type, from payload: [UInt8], except foundationTypes: FoundationTypes
  ) -> Event? {
    EventDecoder.decode(type, from: payload, except: foundationTypes)
  }

  @usableFromInline static func encodeQuickly<Response: Encodable>(
    _ response: Response, except foundationTypes: FoundationTypes
  ) -> [UInt8]? {
    ResponseEncoder.encode(response, except: foundationTypes)
  }
}

/// `Data`, `URL` and `Decimal`, from a program that has them.
@usableFromInline struct FoundationTypes: Sendable {
  @usableFromInline let data: ObjectIdentifier
  @usableFromInline let url: ObjectIdentifier
  @usableFromInline let decimal: ObjectIdentifier

  @usableFromInline init(data: ObjectIdentifier, url: ObjectIdentifier, decimal: ObjectIdentifier) {
    (self.data, self.url, self.decimal) = (data, url, decimal)
  }

  func contains(_ type: Any.Type) -> Bool {
    let type = ObjectIdentifier(type)
    return type == data || type == url || type == decimal
  }
}

#if compiler(<6.2)
  /// Swift 6.1 lacks this protocol, and does not check metatypes for `Sendable`.
  public typealias SendableMetatype = Any
#endif
