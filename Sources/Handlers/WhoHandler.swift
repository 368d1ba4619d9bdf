import Log
import WebSocketAPI

/// Handles `who`: answers with the people in the sender's room.
public struct WhoHandler: Sendable {
  private let chat: Chat

  /// Creates the handler.
  public init(_ chat: Chat) { self.chat = chat }

  /// Returns 200, or 500 if the room could not be read or the answer not be sent; both without a body.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    await Session.handle(chat, event, logger: logger) { session, _ in
      let sender = try await session.sender()
      let sample = try await chat.connections.entered(room: sender.room)
      let own = sender.enteredAt == nil ? nil : sender
      let people = People(sample, including: own, now: chat.now())
      if case .failed = await session.answer(RoomFrame.who(people, including: own.map { Person($0) })) { return false }
      return true
    }
  }
}
