import Log
import WebSocketAPI

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Handles `$connect`: stores the connection. API Gateway opens it only if the response is 200.
public struct ConnectHandler: Sendable {
  private let store: any ConnectionStore

  /// Creates the handler.
  public init(store: any ConnectionStore) {
    self.store = store
  }

  /// Returns 200 `Connected.`, or 500 `Failed.` if the row could not be written.
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
