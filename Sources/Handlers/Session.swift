import AWS
import EventLoop
import Log
import WebSocketAPI

/// One invocation for one client: its connection, its gateway, and the invocation's log.
struct Session: Sendable {
  /// The result of an answer.
  enum Answer {
    case sent
    /// The connection has closed.
    case gone
    /// The answer may not have arrived; the log has the cause.
    case failed
  }

  let backend: Backend
  let connectionID: String

  /// - Throws: `ConfigurationError` if the gateway has no endpoint.
  init(_ chat: Chat, _ event: WebSocketEvent, logger: Logger) throws {
    backend = Backend(chat: chat, gateway: try chat.gateway(event), logger: logger)
    connectionID = event.requestContext.connectionId
  }

  private var chat: Chat { backend.chat }
  private var logger: Logger { backend.logger }

  /// The client's row, as the latest write left it. Without one, the client is a nameless person in the default room, or
  /// refused if people sign in.
  func sender() async throws -> Connection {
    try known(try await chat.connections.connection(connectionID))
  }

  /// The client's row, if the client may send a message now. A client that continues far above the limit is disconnected.
  ///
  /// With a limit the row is read for each message, which counts it; without one, it may be as it was a moment ago: of what
  /// a message needs, room and person, nothing changes while a connection is open.
  ///
  /// - Throws: `Refusal` among others.
  func admit() async throws -> Connection {
    let sender = try await countedSender()
    guard !sender.isReadOnly else { throw Refusal.forbidden("You may read this room, not write in it.") }
    return sender
  }

  private func countedSender() async throws -> Connection {
    guard let limit = chat.rules.messageLimit else { return try await recentSender() }
    switch try await chat.connections.admit(connectionID, limit, now: chat.now().microseconds) {
    case .accepted(let sender): return sender
    case .unknown: return try known(nil)
    case .refused(_, let retryAfter): throw Refusal.rateLimited(limit, retryAfter)
    case .flood(let sender):
      logger.warn("A client was disconnected: it sent far more than allowed.", ["user": .string(Person(sender).id)])
      // $disconnect deletes the row and announces the leave.
      try await backend.gateway.disconnect(connectionID)
      throw Refusal.rateLimited(limit, .seconds(1))
    }
  }

  private func recentSender() async throws -> Connection {
    let now = chat.now().milliseconds
    if let row = chat.senders.value(for: connectionID, now: now) { return row }
    let row = try await chat.connections.connection(connectionID)
    if let row { chat.senders.set(row, for: connectionID, now: now) }
    return try known(row)
  }

  /// The row, or what takes its place.
  func known(_ row: Connection?) throws(Refusal) -> Connection {
    if let row { return row }
    guard chat.rules.signIn == nil else { throw .forbidden("The connection is not signed in; connect again.") }
    return unknownSender
  }

  private var unknownSender: Connection { Connection(connectionID: connectionID, timestamp: nil, expiresAt: nil) }

  /// Sends a message to everyone in the sender's room, the sender included.
  ///
  /// - Returns: whether everyone who is connected and reads received it, or will.
  func deliver(_ message: WaitingMessage, from sender: Connection) async throws -> Bool {
    switch try await RoomDelivery(backend).send(message, room: sender.room, sender: sender) {
    case .direct(let report): return report.isSuccess
    case .handedOver:
      // A delivery can take longer than clients wait for their own message. They drop an id that they have.
      guard message.kind == .message else { return true }
      if case .failed = await answer(message.frame) { return false }
      return true
    }
  }

  /// Sends a frame to the client alone.
  func answer(_ frame: [UInt8], isPruning: Bool = false) async -> Answer {
    let report = await backend.broadcast(isPruning: isPruning).send(frame, to: [unknownSender])
    if report.reached > 0 { return .sent }
    if report.gone > 0 { return .gone }
    logger.error("The answer could not be sent.", error: report.firstFailure, ["slow": .int(report.slow)])
    return .failed
  }
}

extension Refusal {
  fileprivate static func rateLimited(_ limit: MessageLimit, _ retryAfter: Duration) -> Refusal {
    Refusal(
      code: .rateLimited, message: "At most \(limit.perSecond) messages a second, and \(limit.burst) at once.",
      retryAfter: retryAfter)
  }
}

extension Session {
  /// Handles a frame of the chat's protocol: answers the sender with the refusal that `body` throws, if any.
  ///
  /// - Parameter body: returns whether everything was delivered. Ends by `Deadline.current`, which leaves time to answer.
  /// - Returns: 200 without a body; 500 if the service failed, something could not be delivered, or the sender got no
  ///   answer. The log has the cause.
  static func handle(
    _ chat: Chat, _ event: WebSocketEvent, logger: Logger,
    _ body: @Sendable (Session, ClientFrame) async throws -> Bool
  ) async -> WebSocketResponse {
    let session: Session
    do { session = try Session(chat, event, logger: logger) } catch {
      logger.error("The frame could not be handled.", error: error)
      return WebSocketResponse(500)
    }
    var clientID: String?
    do {
      let frame = try ClientFrame(event)
      clientID = frame.readableClientID
      let isDelivered = try await Deadline.within(workTime) { try await body(session, frame) }
      return WebSocketResponse(isDelivered ? 200 : 500)
    } catch {
      var refusal = error as? Refusal ?? .unavailable("The service failed; try again.", cause: error)
      refusal.clientID = refusal.clientID ?? clientID
      if let cause = refusal.cause { logger.error("The frame could not be handled.", error: cause) }
      let answer = await session.answer(refusal.frame)
      if case .failed = answer { return WebSocketResponse(500) }
      return WebSocketResponse(refusal.cause == nil ? 200 : 500)
    }
  }

  /// The time for the work of an invocation: a fifth of the remaining time, at most one second, is reserved for log and
  /// response.
  static var workTime: Duration { workTime(of: Deadline.remaining(atMost: .seconds(3600))) }

  static func workTime(of remaining: Duration) -> Duration { remaining - min(.seconds(1), remaining / 5) }
}
