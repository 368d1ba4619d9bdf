import EventLoop
import Log
import WebSocketAPI

/// Handles `$disconnect`: deletes the connection, and announces a person who left. API Gateway does not guarantee this
/// event; broadcasts and the table's TTL delete the remaining rows.
public struct DisconnectHandler: Sendable {
  private let chat: Chat

  /// Creates the handler.
  public init(_ chat: Chat) { self.chat = chat }

  /// Returns 200 `Disconnected.`, or 500 `Failed.` if the row could not be deleted or the leave not be announced. A
  /// missing row is not a failure.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    do {
      let row = try await chat.connections.remove(connectionID: event.requestContext.connectionId)
      guard let row, row.enteredAt != nil else { return WebSocketResponse(200, "Disconnected.") }
      let presence = Presence(Backend(chat: chat, gateway: try chat.gateway(event), logger: logger))
      let isAnnounced = await Deadline.within(Session.workTime) { await presence.leave([row]) }
      return isAnnounced ? WebSocketResponse(200, "Disconnected.") : .failed
    } catch {
      logger.error("The connection could not be removed.", error: error)
      return .failed
    }
  }
}
