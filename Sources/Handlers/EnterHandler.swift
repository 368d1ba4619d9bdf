import Log
import WebSocketAPI

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Handles `enter`: announces the person, and answers with the state of the room.
public struct EnterHandler: Sendable {
  private let chat: Chat

  /// Creates the handler.
  public init(_ chat: Chat) { self.chat = chat }

  /// Returns 200, or 500 if the room could not be read, the answer not be sent or the join not be announced; both
  /// without a body.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    await Session.handle(chat, event, logger: logger) { session, frame in
      let part = try frame.id("after").map { History.Part.catchUp($0) } ?? .latest
      let now = chat.now()
      let entering = Connection(
        opening: session.connectionID, at: now, userID: Person.id(connectionID: session.connectionID))
      let row = try session.known(
        try await chat.connections.enter(entering, createsMissing: chat.rules.signIn == nil))
      let isNew = row.enteredAt == now.milliseconds
      async let page = History(store: chat.messages).read(part, room: row.room, limit: History.defaultMessages)
      let sample = try await chat.connections.entered(room: row.room)
      let people = People(sample, including: row, now: now)
      let entered = RoomFrame.entered(row, people, try await page, part)
      switch await session.answer(entered) {
      case .failed: return false
      case .gone:
        // A leave is announced only after a join.
        let deleted = try await chat.connections.removeIfUnchanged(row)
        return isNew ? true : await Presence(session.backend).leave(deleted.map { [$0] } ?? [])
      case .sent: return isNew ? try await Presence(session.backend).join(row, among: people) : true
      }
    }
  }
}

extension Connection {
  /// The row of a connection in the default room that enters at a date.
  fileprivate init(opening connectionID: String, at date: Date, userID: String) {
    let row = Connection(connectionID: connectionID, openedAt: date, userID: userID)
    self.init(
      connectionID: connectionID, timestamp: row.timestamp, expiresAt: row.expiresAt, room: row.room, userID: userID,
      enteredAt: date.milliseconds)
  }
}
