import Log
import WebSocketAPI

/// Handles `$disconnect`: deletes the connection. API Gateway does not guarantee this event; the broadcast and the table's
/// TTL delete the remaining rows.
public struct DisconnectHandler: Sendable {
  private let store: any ConnectionStore

  /// Creates the handler.
  public init(store: any ConnectionStore) {
    self.store = store
  }

  /// Returns 200 `Disconnected.`, or 500 `Failed.` if the row could not be deleted. A missing row is not a failure.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    do {
      try await store.remove(connectionID: event.requestContext.connectionId)
      return WebSocketResponse(200, "Disconnected.")
    } catch {
      logger.error("The connection could not be removed.", error: error)
      return .failed
    }
  }
}
