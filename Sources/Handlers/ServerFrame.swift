import JSON

/// Frames that clients receive from the server or from API Gateway, and never from each other.
enum ServerFrame {
  /// The values of `type` in the server's frames.
  private static let types: Set = [
    "deleted", "entered", "error", "heartbeat", "history", "message", "messages", "presence", "who",
  ]
  /// The fields by which clients recognize an error frame of API Gateway.
  private static let gatewayErrorFields: Set = ["connectionId", "requestId"]

  /// Whether a client could mistake a message for a frame of the server or of API Gateway.
  ///
  /// Checks every occurrence of a repeated field, because some parsers use the first and others the last.
  ///
  /// - Parameter json: a valid JSON text.
  static func isImitated(by json: [UInt8]) -> Bool {
    var scanner = JSONScanner(json)
    guard scanner.peek() == UInt8(ascii: "{") else { return false }
    var hasType = false
    var found: Set<String> = []
    do {
      try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in
        if gatewayErrorFields.contains(name) { found.insert(name) }
        guard name == "type" else { return try scanner.skipValue() }
        var value = JSONScanner(Array(try scanner.text().utf8))
        if let type = try? value.string(), types.contains(type) { hasType = true }
      }
    } catch {
      // An invalid JSON object: no client can parse it.
      return false
    }
    return hasType || found == gatewayErrorFields
  }
}
