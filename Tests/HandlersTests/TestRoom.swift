import Foundation
import Log
import Synchronization
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// A frame as a client reads it.
struct ReceivedFrame: Decodable {
  struct User: Decodable, Equatable {
    let id: String
    let name: String
  }

  let type: String?
  let id: String?
  let clientId: String?
  let room: String?
  let from: User?
  let at: String?
  let ephemeral: Bool?
  let event: String?
  let you: User?
  let user: User?
  let users: [User]?
  let count: Int?
  let messages: [ReceivedFrame]?
  let more: Bool?
  let code: String?
  let retryAfterMs: Int?
}

/// A clock that starts now, because a broadcast compares expiries with the time, and advances with each reading.
final class TestClock: Sendable {
  private let step: Double
  private let seconds = Mutex(Date().timeIntervalSince1970.rounded())

  init(step: Double) { self.step = step }

  func next() -> Date {
    seconds.withLock { seconds in
      seconds += step
      return Date(timeIntervalSince1970: seconds)
    }
  }
}

/// The chat in memory: its handlers, and the frames that each client received.
final class TestRoom: Sendable {
  let store = MemoryStore([])
  let messages = MemoryMessages()
  let moderation = MemoryModeration()
  let gateway: MemoryGateway
  let log = LogLines()
  let chat: Chat

  /// - Parameters:
  ///   - deliveries: the delivery to large rooms; `nil` for none.
  ///   - step: the seconds by which the clock advances with each reading.
  ///   - response: throws the error of a post.
  init(
    keepsMessages: Bool = true, presenceLimit: Int = 100, deliveries: Deliveries? = nil, rules: ChatRules = ChatRules(), step: Double = 1,
    _ response: @escaping MemoryGateway.Response = { _, _ in }
  ) {
    let clock = TestClock(step: step)
    let gateway = MemoryGateway(response)
    self.gateway = gateway
    chat = Chat(
      connections: store, messages: keepsMessages ? messages : nil, moderation: moderation, deliveries: deliveries,
      rules: rules,
      presenceLimit: presenceLimit, now: { clock.next() }
    ) { _ in gateway }
  }

  @discardableResult
  func connect(_ id: String, _ query: [String: [String]] = [:]) async throws -> WebSocketResponse {
    await ConnectHandler(chat).handle(try connectEvent(query, from: id), logger: log.logger())
  }

  func disconnect(_ id: String) async throws -> WebSocketResponse {
    await DisconnectHandler(chat).handle(try messageEvent(body: nil, from: id), logger: log.logger())
  }

  /// Handles a frame by its `action`, as API Gateway routes it.
  @discardableResult
  func send(_ body: String, from id: String, isBase64Encoded: Bool = false) async throws -> WebSocketResponse {
    struct Action: Decodable { let action: String? }
    let event = try messageEvent(body: body, isBase64Encoded: isBase64Encoded, from: id)
    let logger = log.logger()
    switch try? JSONDecoder().decode(Action.self, from: Data(body.utf8)).action {
    case "enter": return await EnterHandler(chat).handle(event, logger: logger)
    case "send": return await SendHandler(chat).handle(event, logger: logger)
    case "history": return await HistoryHandler(chat).handle(event, logger: logger)
    case "who": return await WhoHandler(chat).handle(event, logger: logger)
    default: return await MessageHandler(chat).handle(event, logger: logger)
    }
  }

  /// Connects and enters.
  func join(_ id: String, _ query: [String: [String]] = [:]) async throws {
    try await connect(id, query)
    try await send(#"{"action":"enter"}"#, from: id)
  }

  /// The texts that a client received since the last call.
  func texts(_ id: String) -> [String] {
    gateway.state.withLock { $0.received.removeValue(forKey: id) ?? [] }
  }

  /// The frames that a client received since the last call.
  func frames(_ id: String) throws -> [ReceivedFrame] {
    try texts(id).map { try JSONDecoder().decode(ReceivedFrame.self, from: Data($0.utf8)) }
  }

  /// Forgets what all clients received.
  func clear() { gateway.state.withLock { $0.received = [:] } }

  /// Carries out a moderator's command.
  func moderate(_ command: String) async throws -> String {
    let handler = ModerateHandler(chat, moderation, gateway)
    return String(decoding: try await handler.handle(Array(command.utf8), logger: log.logger()), as: UTF8.self)
  }
}
