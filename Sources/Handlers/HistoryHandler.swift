import Log
import WebSocketAPI

/// Handles `history`: answers with kept messages of the sender's room.
public struct HistoryHandler: Sendable {
  private let chat: Chat

  /// Creates the handler.
  public init(_ chat: Chat) { self.chat = chat }

  /// Returns 200, or 500 if the messages could not be read or the answer not be sent; both without a body.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    await Session.handle(chat, event, logger: logger) { session, frame in
      let limit = try frame.number("limit", in: 1...History.maximumMessages) ?? History.defaultMessages
      let part: History.Part
      switch (try frame.id("before"), try frame.id("after")) {
      case (nil, nil): part = .latest
      case (let id?, nil): part = .before(id)
      case (nil, let id?): part = .after(id)
      case (_?, _?): throw Refusal.invalid("before and after exclude each other.")
      }
      let room = try await session.sender().room
      let page = try await History(store: chat.messages).read(part, room: room, limit: limit)
      if case .failed = await session.answer(RoomFrame.history(page, part)) { return false }
      return true
    }
  }
}
