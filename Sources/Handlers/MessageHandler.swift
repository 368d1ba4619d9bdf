import AWS
import EventLoop
import JSON
import Log
import WebSocketAPI

/// Handles `$default`: sends a client's message to every connection in its room, the sender included.
public struct MessageHandler: Sendable {
  private let chat: Chat

  /// Creates the handler.
  public init(_ chat: Chat) { self.chat = chat }

  /// Returns 200 `Message sent.`; 400 for a body that is missing or not JSON; 403 for an imitation of a frame of the
  /// server, which could show a message as another person's, and for a person who may only read; 413 for more than 131,072
  /// bytes; 429 beyond the limit of messages, and for a large room where too many wait; 500 `Failed.` if an open connection
  /// could not be reached. The broadcast stops shortly before `Deadline.current`.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    guard let message = event.message else {
      return WebSocketResponse(400, "The message has to be JSON.")
    }
    guard message.count <= ManagementAPI.maximumMessageBytes else {
      return WebSocketResponse(413, "The message has more than \(ManagementAPI.maximumMessageBytes) bytes.")
    }
    guard JSONText.isValid(message) else {
      return WebSocketResponse(400, "The message has to be JSON.")
    }
    do {
      let session = try Session(chat, event, logger: logger)
      do {
        guard !ServerFrame.isImitated(by: message) else {
          throw Refusal.forbidden("Frames of this kind come from the server alone.")
        }
        let isDelivered = try await Deadline.within(Session.workTime) {
          let sender = try await session.admit()
          try await RoomDelivery(session.backend).admit(sender.room)
          let id = chat.ids.next(now: chat.now().milliseconds)
          return try await session.deliver(WaitingMessage(id: id, kind: .alone, frame: message), from: sender)
        }
        return isDelivered ? WebSocketResponse(200, "Message sent.") : .failed
      } catch let refusal as Refusal {
        if case .failed = await session.answer(refusal.frame) { return .failed }
        return WebSocketResponse(refusal.code == .rateLimited ? 429 : 403, refusal.message)
      }
    } catch {
      logger.error("The message could not be sent.", error: error)
      return .failed
    }
  }
}
