#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension WebSocketEvent {
  /// The bytes of the client's frame, text or binary, exactly as sent; `nil` if the event has no body or one that is not
  /// base64 although `isBase64Encoded` says so.
  public var message: [UInt8]? {
    guard let body else { return nil }
    guard isBase64Encoded else { return Array(body.utf8) }
    return Data(base64Encoded: body).map { [UInt8]($0) }
  }
}
