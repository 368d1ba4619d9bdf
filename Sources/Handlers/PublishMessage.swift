import JSON
import WebSocketAPI

/// A message of a backend to a room: `{"room","message","from":{"name"}?,"ephemeral"?}`.
struct PublishMessage {
  /// The name of senders that give none.
  static let defaultName = "service"
  /// The largest message, as that of a client's frame: 32 KiB.
  static let maximumBytes = ClientFrame.maximumBytes
  private static let names: Set = ["ephemeral", "from", "message", "room"]

  let room: String
  let name: String
  let isEphemeral: Bool
  /// JSON text.
  let message: [UInt8]

  /// Reads a message. An unknown field is refused: a misspelled `ephemeral` must not keep a message.
  ///
  /// - Throws: `Refusal`, which names the invalid field and never quotes the message.
  init(json: [UInt8]) throws(Refusal) {
    let fields = try Self.fields(json)
    guard let room = fields["room"] else { throw .invalid("room is missing.") }
    guard let room = JSONScanner.string(of: room), ConnectParameters.isRoom(room) else {
      throw .invalid("room \(ConnectParameters.roomRule).")
    }
    self.room = room
    guard let message = fields["message"] else { throw .invalid("message is missing.") }
    guard message.count <= Self.maximumBytes else {
      throw Refusal(code: .tooLarge, message: "message has more than \(Self.maximumBytes) bytes.")
    }
    self.message = message
    switch fields["ephemeral"] {
    case nil, Array("false".utf8): isEphemeral = false
    case Array("true".utf8): isEphemeral = true
    default: throw .invalid("ephemeral must be true or false.")
    }
    name = try fields["from"].map { json throws(Refusal) in try Self.name(json) } ?? Self.defaultName
  }

  private static func fields(_ json: [UInt8]) throws(Refusal) -> [String: [UInt8]] {
    guard let fields = JSONScanner.members(of: json) else {
      throw .invalid("The message must be a JSON object in UTF-8.")
    }
    guard names.isSuperset(of: fields.keys) else {
      throw .invalid("The fields of a message are room, message, from and ephemeral, and no others.")
    }
    return fields
  }

  private static func name(_ from: [UInt8]) throws(Refusal) -> String {
    guard let fields = JSONScanner.members(of: from) else {
      throw .invalid("from must be an object with the string name.")
    }
    guard Set(["name"]).isSuperset(of: fields.keys) else { throw .invalid("from may have name, and no other field.") }
    guard let json = fields["name"] else { return defaultName }
    guard let name = JSONScanner.string(of: json) else {
      throw .invalid("from must be an object with the string name.")
    }
    guard Person.isName(name) else { throw .invalid("from.name must be 1 to 64 characters, at least one visible.") }
    return name
  }
}
