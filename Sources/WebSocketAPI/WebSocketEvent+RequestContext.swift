import JSON

extension WebSocketEvent {
  /// The connection, the route and the request of an event.
  public struct RequestContext: Sendable, Equatable {
    /// The id of the connection.
    public private(set) var connectionId = ""
    /// `CONNECT`, `MESSAGE` or `DISCONNECT`.
    public private(set) var eventType: String?
    /// The key of the selected route, such as `$connect`, `$default` or the message's action.
    public private(set) var routeKey: String?
    /// The domain name of the API: its own, or the custom one that the client connected to.
    public private(set) var domainName: String?
    /// The name of the stage.
    public private(set) var stage: String?
    /// The id of the API.
    public private(set) var apiId: String?

    /// The id of the request; the same as `extendedRequestId`.
    public private(set) var requestId: String?
    /// The id of the request, for AWS support.
    public private(set) var extendedRequestId: String?
    /// The time of the request in the Common Log Format, such as `25/Nov/2026:18:00:00 +0000`.
    public private(set) var requestTime: String?
    /// The time of the request, in milliseconds since 1970.
    public private(set) var requestTimeEpoch: Int?
    /// The time at which the connection opened, in milliseconds since 1970.
    public private(set) var connectedAt: Int?
    /// `IN`: from the client.
    public private(set) var messageDirection: String?
    /// The id of the message, in MESSAGE events.
    public private(set) var messageId: String?

    /// The WebSocket close code (RFC 6455, section 7.4), in DISCONNECT events: 1001 when the client went away or was
    /// idle, 1005 if the client sent none.
    public private(set) var disconnectStatusCode: Int?
    /// The reason in the close frame, or API Gateway's own; may be empty.
    public private(set) var disconnectReason: String?

    /// Information about the client, such as its address and user agent.
    public private(set) var identity = Identity()
    /// The context that the Lambda authorizer of `$connect` returned, `principalId` included. Numbers and Booleans are
    /// their JSON text.
    public private(set) var authorizer: [String: String] = [:]

    /// Whether the event has a connection id, possibly an empty one.
    var hasConnectionID = false

    init() {}

    /// - Parameter path: receives the path of each field before it is read.
    init(from scanner: inout JSONScanner, path: inout String) throws(JSONScanner.Mismatch) {
      var last = path
      defer { path = last }
      try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in
        switch name {
        case "connectionId":
          last = "requestContext.connectionId"
          connectionId = try scanner.string()
          hasConnectionID = true
        case "eventType":
          last = "requestContext.eventType"
          eventType = try scanner.stringOrNull()
        case "domainName":
          last = "requestContext.domainName"
          domainName = try scanner.stringOrNull()
        case "stage":
          last = "requestContext.stage"
          stage = try scanner.stringOrNull()
        case "apiId":
          last = "requestContext.apiId"
          apiId = try scanner.stringOrNull()
        default: try readOptional(name, from: &scanner)
        }
      }
    }

    private mutating func readOptional(
      _ name: String, from scanner: inout JSONScanner
    ) throws(JSONScanner.Mismatch) {
      switch name {
      case "routeKey": routeKey = try scanner.stringIfAny()
      case "requestId": requestId = try scanner.stringIfAny()
      case "extendedRequestId": extendedRequestId = try scanner.stringIfAny()
      case "requestTime": requestTime = try scanner.stringIfAny()
      case "requestTimeEpoch": requestTimeEpoch = try scanner.integerIfAny()
      case "connectedAt": connectedAt = try scanner.integerIfAny()
      case "messageDirection": messageDirection = try scanner.stringIfAny()
      case "messageId": messageId = try scanner.stringIfAny()
      case "disconnectStatusCode": disconnectStatusCode = try scanner.integerIfAny()
      case "disconnectReason": disconnectReason = try scanner.stringIfAny()
      case "identity": identity = Identity(try scanner.strings())
      case "authorizer": authorizer = try scanner.texts()
      default: try scanner.skipValue()
      }
    }
  }
}

extension WebSocketEvent.RequestContext: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Event type, route and connection only: the authorizer's context may hold secrets.
  public var description: String {
    [eventType, routeKey, connectionId].compactMap { $0 }.joined(separator: " ")
  }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// Event type, route and connection only.
  public var customMirror: Mirror {
    Mirror(
      self, children: ["eventType": eventType as Any, "routeKey": routeKey as Any, "connectionId": connectionId])
  }
}
