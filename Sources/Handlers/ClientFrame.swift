import JSON
import WebSocketAPI

/// The fields of a client's frame, a JSON object. Unknown fields are ignored; of repeated fields the last one counts.
struct ClientFrame {
  private static let names: Set = ["after", "before", "clientId", "ephemeral", "limit", "message"]
  private static let clientIDLength = 1...64
  /// The largest frame, as API Gateway's for one WebSocket frame: 32 KiB. With it, every page of history holds at least one
  /// message beside everything else.
  static let maximumBytes = 32_768

  /// The JSON text of each field.
  private var fields: [String: [UInt8]] = [:]

  /// Reads an event's body.
  ///
  /// - Throws: `Refusal`, with the client's own id of the frame if it could be read.
  init(_ event: WebSocketEvent) throws(Refusal) {
    guard let body = event.message else { throw .invalid("The frame must be a JSON object.") }
    let isObject = read(body)
    guard body.count <= Self.maximumBytes else {
      throw Refusal(
        code: .tooLarge, message: "The frame has more than \(Self.maximumBytes) bytes.",
        clientID: readableClientID)
    }
    guard isObject else { throw .invalid("The frame must be a JSON object in UTF-8.") }
  }

  private mutating func read(_ body: [UInt8]) -> Bool {
    var scanner = JSONScanner(body)
    var fields: [String: [UInt8]] = [:]
    do {
      try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in
        if Self.names.contains(name) { fields[name] = Array(try scanner.text().utf8) } else { try scanner.skipValue() }
      }
      try scanner.end()
    } catch {
      return false
    }
    self.fields = fields
    return true
  }

  /// The client's own id of the frame; `nil` if it is absent or malformed.
  var readableClientID: String? { try? clientID() }

  /// The client's own id of the frame.
  func clientID() throws(Refusal) -> String? {
    guard let json = fields["clientId"] else { return nil }
    guard let text = JSONScanner.string(of: json), Self.clientIDLength.contains(text.unicodeScalars.count) else {
      throw .invalid("clientId must be a string of 1 to 64 characters.")
    }
    return text
  }

  /// The JSON text of the message, byte for byte as the client wrote it.
  func message() throws(Refusal) -> [UInt8] {
    guard let json = fields["message"] else { throw .invalid("message is missing.") }
    return json
  }

  /// A Boolean; `false` if it is absent.
  func flag(_ name: String) throws(Refusal) -> Bool {
    switch fields[name] {
    case nil: return false
    case Array("true".utf8): return true
    case Array("false".utf8): return false
    default: throw .invalid("\(name) must be true or false.")
    }
  }

  /// The id of a message.
  func id(_ name: String) throws(Refusal) -> MessageID? {
    guard let json = fields[name] else { return nil }
    guard let id = JSONScanner.string(of: json).flatMap({ MessageID($0) }) else {
      throw .invalid("\(name) must be the id of a message, a UUID of version 7.")
    }
    return id
  }

  /// A whole number.
  func number(_ name: String, in range: ClosedRange<Int>) throws(Refusal) -> Int? {
    guard let json = fields[name] else { return nil }
    var scanner = JSONScanner(json)
    guard let number = (try? scanner.number()).flatMap({ Int(exactly: $0) }), range.contains(number) else {
      throw .invalid("\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }
}
