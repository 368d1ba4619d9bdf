import Log
import WebSocketAPI

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// `$connect`: remembers the connection. API Gateway opens the socket only when this answers 200.
public struct ConnectHandler: Sendable {
  private let store: any ConnectionStore

  /// Makes the handler.
  public init(store: any ConnectionStore) {
    self.store = store
  }

  /// Answers 200 `Connected.`, or 500 `Failed.` when the row could not be written.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    do {
      try await store.add(Connection(connectionID: event.requestContext.connectionId, openedAt: Date()))
      return WebSocketResponse(200, "Connected.")
    } catch {
      logger.error("The connection could not be stored.", error: error)
      return .failed
    }
  }
}
