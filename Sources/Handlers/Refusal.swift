import JSON

/// The refusal of a client's frame, which its sender alone receives.
struct Refusal: Error {
  /// The kinds of refusals.
  enum Code: String {
    /// A field is missing or malformed.
    case invalid
    /// The frame, or the message made of it, exceeds the limit.
    case tooLarge = "too_large"
    /// The client sends too many messages.
    case rateLimited = "rate_limited"
    /// The client may not do this.
    case forbidden
    /// The service failed; the client may try again.
    case unavailable
  }

  let code: Code
  /// A sentence for developers of clients. Never quotes the frame.
  let message: String
  /// The time after which the client may try again, if it may not at once.
  var retryAfter: Duration?
  /// The client's own id of its frame, if it could be read.
  var clientID: String?
  /// The failure on this side, for the log.
  var cause: (any Error)?

  static func invalid(_ message: String) -> Refusal { Refusal(code: .invalid, message: message) }

  static func forbidden(_ message: String) -> Refusal { Refusal(code: .forbidden, message: message) }

  static func unavailable(_ message: String, cause: any Error) -> Refusal {
    Refusal(code: .unavailable, message: message, cause: cause)
  }

  /// The frame for the sender.
  var frame: [UInt8] {
    var object = JSONObjectText()
    object.add("type", "error")
    object.add("code", code.rawValue)
    object.add("message", message)
    if let retryAfter { object.add("retryAfterMs", Int((retryAfter / .milliseconds(1)).rounded(.up))) }
    if let clientID { object.add("clientId", clientID) }
    return object.bytes
  }
}
