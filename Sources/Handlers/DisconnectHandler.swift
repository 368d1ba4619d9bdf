import Log
import WebSocketAPI

/// `$disconnect`: forgets the connection. API Gateway sends this event most times, not always; the broadcast and the
/// table's TTL see to the rest.
public struct DisconnectHandler: Sendable {
  private let store: any ConnectionStore

  /// Makes the handler.
  public init(store: any ConnectionStore) {
    self.store = store
  }

  /// Answers 200 `Disconnected.`, or 500 `Failed.` when the row could not be deleted.
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
