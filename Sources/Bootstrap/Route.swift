import WebSocketAPI

/// The handler of an event.
enum Route: String, CaseIterable {
  case connect, disconnect, message, enter, send, history, who, moderate, publish, deliver

  /// Returns the route that `_HANDLER` names before its first dot.
  init?(handler: String) {
    self.init(rawValue: String(handler.prefix { $0 != "." }))
  }

  /// Returns the route of an event's type and route key, so that one function can serve all routes.
  init?(_ event: WebSocketEvent) {
    switch event.requestContext.eventType {
    case "CONNECT": self = .connect
    case "DISCONNECT": self = .disconnect
    case "MESSAGE":
      let route = event.requestContext.routeKey.flatMap { Route(rawValue: $0) }
      self = route.flatMap { $0.isAction ? $0 : nil } ?? .message
    default: return nil
    }
  }

  /// Whether clients select the route by the `action` of a frame.
  var isAction: Bool {
    switch self {
    case .enter, .send, .history, .who: true
    case .connect, .disconnect, .message, .moderate, .publish, .deliver: false
    }
  }

  /// Whether the route reads or keeps messages.
  var usesMessages: Bool {
    switch self {
    case .enter, .send, .history, .moderate, .publish: true
    case .connect, .disconnect, .message, .who, .deliver: false
    }
  }
}
