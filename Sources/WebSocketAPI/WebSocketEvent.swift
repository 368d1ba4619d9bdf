import JSON

/// An event of an API Gateway WebSocket API, as Lambda proxy integration sends it.
///
/// `body` is absent from CONNECT and DISCONNECT events; headers and query parameters are absent from MESSAGE events.
/// Absent or `null` collections are empty. Only the fields that the chat relies on are checked; a field with a value of
/// an unexpected type is otherwise treated as absent, so that a change in API Gateway does not break every event.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>
public struct WebSocketEvent: Sendable, Equatable {
  /// The connection, the route and the request.
  public private(set) var requestContext = RequestContext()
  /// The headers of the handshake (CONNECT) or a few of them (DISCONNECT); of repeated headers the last value.
  public private(set) var headers: [String: String] = [:]
  /// The same headers with all their values.
  public private(set) var multiValueHeaders: [String: [String]] = [:]
  /// The parameters in the query of the handshake, decoded; of repeated parameters the last value.
  public private(set) var queryStringParameters: [String: String] = [:]
  /// The same parameters with all their values.
  public private(set) var multiValueQueryStringParameters: [String: [String]] = [:]
  /// The variables of the stage.
  public private(set) var stageVariables: [String: String] = [:]
  /// The client's message, up to 128 KB; in base64 if `isBase64Encoded`.
  public private(set) var body: String?
  /// Whether the client sent a binary frame.
  public private(set) var isBase64Encoded = false

  /// Decodes an event.
  ///
  /// - Parameter json: the event as Lambda delivers it: JSON in UTF-8, or in the encoding that its byte-order mark names.
  /// - Throws: `InvalidEvent`, which names the invalid field and never quotes its value.
  public init(json: [UInt8]) throws(InvalidEvent) {
    guard let json = JSONText.utf8(json) else { throw InvalidEvent(problem: "it is not JSON") }
    var scanner = JSONScanner(json)
    // The path of the last field that was read, for the error.
    var path = ""
    do {
      try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in
        path = name
        switch name {
        case "requestContext": requestContext = try RequestContext(from: &scanner, path: &path)
        case "body": body = try scanner.stringOrNull()
        case "isBase64Encoded": isBase64Encoded = try scanner.null() ? false : scanner.bool()
        case "headers": headers = try scanner.strings()
        case "multiValueHeaders": multiValueHeaders = try scanner.stringLists()
        case "queryStringParameters": queryStringParameters = try scanner.strings()
        case "multiValueQueryStringParameters": multiValueQueryStringParameters = try scanner.stringLists()
        case "stageVariables": stageVariables = try scanner.strings()
        default: try scanner.skipValue()
        }
      }
      try scanner.end()
    } catch {
      guard JSONText.isValid(json) else { throw InvalidEvent(problem: "it is not JSON") }
      throw InvalidEvent(problem: path.isEmpty ? "it is not an object" : "\(path) is of the wrong type")
    }
    guard requestContext.hasConnectionID else {
      throw InvalidEvent(problem: "requestContext.connectionId is missing")
    }
    guard !requestContext.connectionId.isEmpty else {
      throw InvalidEvent(problem: "requestContext.connectionId is empty")
    }
  }

  /// The last value of a header; names are compared without regard to case.
  public func header(_ name: String) -> String? {
    headers[name] ?? headers.first { $0.key.lowercased() == name.lowercased() }?.value
  }
}

extension WebSocketEvent: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The request context's description only: headers, query and body may hold secrets.
  public var description: String { "WebSocketEvent(\(requestContext))" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// The request context only.
  public var customMirror: Mirror { Mirror(self, children: ["requestContext": requestContext]) }
}
