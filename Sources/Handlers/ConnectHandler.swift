import Log
import WebSocketAPI

/// Handles `$connect`: stores the connection. API Gateway opens it only if the response is 200.
public struct ConnectHandler: Sendable {
  private let chat: Chat

  /// Creates the handler.
  public init(_ chat: Chat) { self.chat = chat }

  /// Returns 200 `Connected.`; 400 for a malformed query parameter, which the body names; 500 `Failed.` if the row could
  /// not be written.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    let parameters: ConnectParameters
    do { parameters = try ConnectParameters(event) } catch { return WebSocketResponse(400, error.message) }
    let connectionID = event.requestContext.connectionId
    let connection = Connection(
      connectionID: connectionID, openedAt: chat.now(), room: parameters.room,
      userID: parameters.key.map { Person.id(key: $0) } ?? Person.id(connectionID: connectionID),
      name: parameters.name)
    do {
      try await chat.connections.add(connection)
      return WebSocketResponse(200, "Connected.")
    } catch {
      logger.error("The connection could not be stored.", error: error)
      return .failed
    }
  }
}
