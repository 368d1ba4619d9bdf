#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Lambda {
  /// The response of a function without one.
  private static let null = Array("null".utf8)

  /// A handler of bytes around one of decoded events and encoded responses.
  static func codable<Event: Decodable & SendableMetatype, Response: Encodable & SendableMetatype>(
    _ decoder: JSONDecoder?, _ encoder: JSONEncoder?,
    _ handler: @escaping @Sendable (Event, InvocationContext) async throws -> Response
  ) -> Runtime.Handler {
    { payload, context in
      try encode(try await handler(try decode(payload, decoder), context), encoder)
    }
  }

  /// A handler of bytes around one of decoded events, which responds with `null`.
  static func codable<Event: Decodable & SendableMetatype>(
    _ decoder: JSONDecoder?, _ handler: @escaping @Sendable (Event, InvocationContext) async throws -> Void
  ) -> Runtime.Handler {
    { payload, context in
      try await handler(try decode(payload, decoder), context)
      return null
    }
  }

  /// Decodes an event, without a decoder as `JSONDecoder()` does.
  static func decode<Event: Decodable & SendableMetatype>(
    _ payload: [UInt8], _ decoder: JSONDecoder?
  ) throws(FunctionError) -> Event {
    if decoder == nil, let event = EventDecoder.decode(Event.self, from: payload) { return event }
    do {
      return try (decoder ?? JSONDecoder()).decode(Event.self, from: Data(payload))
    } catch {
      throw FunctionError(decoding: error, of: payload)
    }
  }

  /// Encodes a response, without an encoder as `JSONEncoder()` does.
  static func encode<Response: Encodable & SendableMetatype>(
    _ response: Response, _ encoder: JSONEncoder?
  ) throws(FunctionError) -> [UInt8] {
    if encoder == nil, let bytes = ResponseEncoder.encode(response) { return bytes }
    do {
      return Array(try (encoder ?? JSONEncoder()).encode(response))
    } catch {
      throw FunctionError(encoding: error)
    }
  }
}

#if compiler(<6.2)
  /// Swift 6.1 lacks this protocol, and does not check metatypes for `Sendable`.
  public typealias SendableMetatype = Any
#endif
