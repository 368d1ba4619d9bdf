import JSON

/// A message as everyone in its room receives it, stamped by the server.
struct MessageFrame {
  let id: MessageID
  let clientID: String?
  let room: String
  let from: Person
  let isEphemeral: Bool
  /// JSON text.
  let message: [UInt8]

  /// The frame as JSON; `message` is in it byte for byte.
  var bytes: [UInt8] {
    var object = JSONObjectText()
    object.add("type", "message")
    object.add("id", id.text)
    if let clientID { object.add("clientId", clientID) }
    object.add("room", room)
    object.add("from", json: from.json)
    object.add("at", Timestamp.text(milliseconds: id.time))
    if isEphemeral { object.add("ephemeral", true) }
    object.add("message", json: message)
    return object.bytes
  }
}

extension MessageFrame {
  /// The frame as a message for a room.
  var waiting: WaitingMessage { WaitingMessage(id: id, kind: .message, frame: bytes) }
}

extension Chat {
  /// Keeps a message, unless none are kept.
  ///
  /// - Throws: `Refusal`.
  func keep(_ message: WaitingMessage, room: String) async throws(Refusal) {
    guard let messages else { return }
    do { try await messages.keep(message.frame, id: message.id, room: room) } catch {
      throw Refusal.unavailable("The message could not be kept; try again.", cause: error)
    }
  }
}
