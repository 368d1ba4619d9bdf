import WebSocketAPI

extension WebSocketResponse {
  /// The chat's response to a failure on its own side; the log has the cause.
  static let failed = WebSocketResponse(500, "Failed.")
}
