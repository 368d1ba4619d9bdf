import Log
import WebSocketAPI

/// Handles `send`: stamps a message with its sender, id and time, keeps it, and delivers it to the sender's room,
/// or hands it over if the room is large.
public struct SendHandler: Sendable {
  private let chat: Chat

  /// Creates the handler.
  public init(_ chat: Chat) { self.chat = chat }

  /// Returns 200, or 500 if the message was not kept or did not reach everyone; both without a body. A message that
  /// cannot be kept is not delivered.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    await Session.handle(chat, event, logger: logger) { session, frame in
      let clientID = try frame.clientID()
      let isEphemeral = try frame.flag("ephemeral")
      let message = try frame.message()
      let sender = try await session.admit()
      try await RoomDelivery(session.backend).admit(sender.room)
      let stamped = MessageFrame(
        id: chat.ids.next(now: chat.now().milliseconds), clientID: clientID, room: sender.room, from: Person(sender),
        isEphemeral: isEphemeral, message: message)
      let waiting = stamped.waiting
      if !isEphemeral { try await chat.keep(waiting, room: sender.room) }
      return try await session.deliver(waiting, from: sender)
    }
  }
}
