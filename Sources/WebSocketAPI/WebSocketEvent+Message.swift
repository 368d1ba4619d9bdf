import JSON

extension WebSocketEvent {
  /// The bytes of the client's frame, text or binary, exactly as sent; `nil` if the event has no body or one that is not
  /// base64 although `isBase64Encoded` says so.
  public var message: [UInt8]? {
    guard let body else { return nil }
    return isBase64Encoded ? Base64.standard.decode(body.utf8) : Array(body.utf8)
  }
}
