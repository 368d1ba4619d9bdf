#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// An event of an API Gateway WebSocket API, as far as the chat reads it.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>
public struct WebSocketEvent: Sendable, Equatable, Decodable {
  /// Where an event comes from.
  public struct RequestContext: Sendable, Equatable, Decodable {
    /// The connection that the event is about.
    public let connectionId: String
    /// `CONNECT`, `DISCONNECT` or `MESSAGE`.
    public let eventType: String?
    /// The API's own domain, or the custom one by which the client came.
    public let domainName: String?
    /// The stage's name.
    public let stage: String?
    /// The API's id.
    public let apiId: String?
  }

  /// Where the event comes from.
  public let requestContext: RequestContext
  /// What the client sent; base64 where `isBase64Encoded`.
  public let body: String?
  /// Whether the client sent a binary frame.
  public let isBase64Encoded: Bool?

  /// Reads an event.
  ///
  /// - Throws: `InvalidEvent`, which says what is missing and never what is there.
  public init(json: [UInt8]) throws(InvalidEvent) {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(json))
    } catch DecodingError.keyNotFound(let key, let context) {
      throw InvalidEvent(path: context.codingPath + [key], "is missing")
    } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
      throw InvalidEvent(path: context.codingPath, "is of the wrong type")
    } catch {
      throw InvalidEvent(path: [], "it is not JSON")
    }
    guard !requestContext.connectionId.isEmpty else {
      throw InvalidEvent(path: [], "requestContext.connectionId is empty")
    }
  }
}

/// An event that is not one of an API Gateway WebSocket API.
public struct InvalidEvent: Error, Sendable, Equatable, CustomStringConvertible {
  /// A sentence for a person.
  public let description: String

  /// Neither the function's handler nor the event says which route it is of.
  public init(eventType: String?) {
    description =
      "Nothing says how to handle the event: its requestContext.eventType is \(eventType?.debugDescription ?? "missing"), "
      + "and the function's handler is none of connect, disconnect, message."
  }

  init(path: [any CodingKey], _ problem: String) {
    let name = path.isEmpty ? "" : path.map(\.stringValue).joined(separator: ".") + " "
    description = "The event is not one of an API Gateway WebSocket API: \(name)\(problem)."
  }
}
