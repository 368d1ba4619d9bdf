import EventLoop
import JSON
import Log
import WebSocketAPI

/// Handles the moderators' commands, which come by an invocation that IAM allows, and not from a client.
///
/// Each change is recorded in the audit trail before it is made, so that no change goes unrecorded.
public struct ModerateHandler: Sendable {
  private let chat: Chat
  private let moderation: any ModerationStore
  private let gateway: any ConnectionGateway

  /// Creates the handler.
  public init(_ chat: Chat, _ moderation: any ModerationStore, _ gateway: any ConnectionGateway) {
    self.chat = chat
    self.moderation = moderation
    self.gateway = gateway
  }

  /// Carries out a command and returns its result, a JSON object.
  ///
  /// - Parameter event: a JSON object with `command` and its parameters; see docs/security.md.
  /// - Throws: `InvalidCommand`, and the errors of the services. A command can be repeated after an error.
  public func handle(_ event: [UInt8], logger: Logger) async throws -> [UInt8] {
    let command = try ModerationCommand(json: event)
    switch command.action {
    case .list(let room, let start): return try await list(room, after: start)
    case .audit(let before, let limit): return try await audit(before: before, limit: limit)
    case .delete(let room, let id):
      try await record(command)
      return try await delete(id, room: room, logger: logger)
    case .disconnect(let user, let room):
      try await record(command)
      let count = try await disconnect(user, from: room)
      return Self.result { $0.add("disconnected", count) }
    case .ban(let user, let room, let seconds):
      let until = chat.now().milliseconds / 1000 + seconds
      try await record(command, until: until)
      // First, because clients reconnect within a second.
      try await moderation.ban(user, from: room, until: until)
      let count = try await disconnect(user, from: room)
      return Self.result {
        $0.add("until", Timestamp.text(milliseconds: until * 1000))
        $0.add("disconnected", count)
      }
    case .unban(let user, let room):
      try await record(command)
      try await moderation.unban(user, from: room)
      return Self.result { _ in }
    }
  }

  private static func result(_ fill: (inout JSONObjectText) -> Void) -> [UInt8] {
    var object = JSONObjectText()
    fill(&object)
    return object.bytes
  }

  // MARK: - Commands

  /// Deletes a kept message, and tells the room: whoever shows it removes it.
  private func delete(_ id: MessageID, room: String, logger: Logger) async throws -> [UInt8] {
    let isDeleted = try await chat.messages?.delete(id, room: room) ?? false
    var frame = JSONObjectText()
    frame.add("type", "deleted")
    frame.add("id", id.text)
    // Also if it was not kept: it may be on the screens of those who were there.
    let message = WaitingMessage(id: chat.ids.next(now: chat.now().milliseconds), kind: .alone, frame: frame.bytes)
    // The rows of closed connections stay: the next message deletes them, and announces who left.
    let delivery = RoomDelivery(Backend(chat: chat, gateway: gateway, logger: logger), isPruning: false)
    switch try await delivery.send(message, room: room, sender: nil) {
    case .direct(let report):
      if let error = report.firstFailure { throw error }
      return Self.result {
        $0.add("deleted", isDeleted)
        $0.add("told", report.reached)
      }
    case .handedOver:
      return Self.result {
        $0.add("deleted", isDeleted)
        $0.add("handedOver", true)
      }
    }
  }

  /// Closes the connections of a person. `$disconnect` deletes their rows and announces the leave.
  ///
  /// - Returns: their number.
  private func disconnect(_ user: String, from room: String?) async throws -> Int {
    let connections = try await chat.connections.connections(ofUser: user)
      .filter { room == nil || $0.room == room }
    for connection in connections { try await gateway.disconnect(connection.connectionID) }
    return connections.count
  }

  private func list(_ room: String, after start: String?) async throws -> [UInt8] {
    let page = try await chat.connections.people(room: room, after: start)
    return Self.result { object in
      let rows = page.connections.map { connection in
        Self.result { row in
          row.add("connectionId", connection.connectionID)
          row.add("user", Person(connection).id)
          row.add("name", Person(connection).name)
          if let timestamp = connection.timestamp { row.add("connectedAt", timestamp) }
          if let enteredAt = connection.enteredAt { row.add("enteredAt", Timestamp.text(milliseconds: enteredAt)) }
        }
      }
      object.add("connections", array: rows)
      if let next = page.next { object.add("next", next) }
    }
  }

  private func audit(before id: MessageID?, limit: Int) async throws -> [UInt8] {
    let page = try await moderation.entries(before: id, limit: limit)
    return Self.result {
      $0.add("entries", array: page.frames)
      $0.add("more", page.hasMore)
    }
  }

  // MARK: - Audit trail

  private func record(_ command: ModerationCommand, until: Int? = nil) async throws {
    let id = chat.ids.next(now: chat.now().milliseconds)
    try await moderation.record(command.entry(id: id, until: until), id: id)
  }
}
