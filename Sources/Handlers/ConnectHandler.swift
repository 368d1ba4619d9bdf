import Log
import WebSocketAPI

/// Handles `$connect`: decides who may connect, and stores the connection. API Gateway opens it only if the response is 200.
public struct ConnectHandler: Sendable {
  private let chat: Chat

  /// Creates the handler.
  public init(_ chat: Chat) { self.chat = chat }

  /// Returns 200 `Connected.`; 400 for a malformed query parameter, which the body names; 401 for a missing or refused
  /// token; 403 for a foreign origin, a room that the token does not allow, or a banned person; 429 for a person with
  /// too many connections; 503 if the issuer's keys cannot be fetched; 500 `Failed.` if the tables could not be used.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    let parameters: ConnectParameters
    do { parameters = try ConnectParameters(event) } catch { return WebSocketResponse(400, error.message) }
    do {
      let connection = try await connection(event, parameters)
      // Without a token and a key each connection is a new person, who has no bans and no other connections.
      if chat.rules.signIn != nil || parameters.key != nil { try await admit(connection) }
      try await chat.connections.add(connection)
      return WebSocketResponse(200, "Connected.")
    } catch let error as HandshakeRefusal {
      logger.warn("The handshake was refused.", ["status": .int(error.status), "reason": .string(error.reason)])
      return WebSocketResponse(error.status, "Refused.")
    } catch {
      logger.error("The connection could not be stored.", error: error)
      return .failed
    }
  }

  /// The row of a client that has proved who it is.
  ///
  /// - Throws: `HandshakeRefusal`.
  private func connection(_ event: WebSocketEvent, _ parameters: ConnectParameters) async throws(HandshakeRefusal)
    -> Connection
  {
    let identity = try await chat.rules.signIn?.identity(parameters.token, room: parameters.room)
    guard chat.rules.origins?.allow(event, hasToken: identity != nil) ?? true else {
      throw HandshakeRefusal(403, "the page's origin is not allowed")
    }
    let connectionID = event.requestContext.connectionId
    let userID =
      identity?.userID ?? parameters.key.map { Person.id(key: $0) } ?? Person.id(connectionID: connectionID)
    return Connection(
      connectionID: connectionID, openedAt: chat.now(), room: parameters.room, userID: userID,
      name: identity?.name ?? parameters.name, isReadOnly: identity?.access == .read)
  }

  /// Refuses a banned person, and one with too many connections.
  private func admit(_ connection: Connection) async throws {
    guard let userID = connection.userID else { return }
    let now = chat.now()
    async let bannedUntil = chat.moderation?.bannedUntil(
      userID, room: connection.room, now: now.milliseconds / 1000)
    async let others = chat.rules.connectionsPerUser == nil ? [] : chat.connections.connections(ofUser: userID)
    guard try await bannedUntil == nil else { throw HandshakeRefusal(403, "the person is banned") }
    let open = try await others.count { !$0.isExpired(at: now) && $0.connectionID != connection.connectionID }
    if let most = chat.rules.connectionsPerUser, open >= most {
      throw HandshakeRefusal(429, "the person has \(open) connections")
    }
  }
}
