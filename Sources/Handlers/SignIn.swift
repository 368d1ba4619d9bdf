import JWT

/// Sign-in by tokens of an OpenID Connect issuer.
public struct SignIn: Sendable {
  /// The claims that may hold the name to show, best first. Not the email address, which others need not know.
  private static let nameClaims = [
    "name", "preferred_username", "nickname", "given_name", "cognito:username", "username",
  ]

  private let verifier: TokenVerifier
  private let roomsClaim: String?

  /// Creates the sign-in.
  ///
  /// - Parameter roomsClaim: the claim that lists the rooms of a person; `nil`: everyone may enter all rooms.
  public init(_ verifier: TokenVerifier, roomsClaim: String?) {
    self.verifier = verifier
    self.roomsClaim = roomsClaim
  }

  /// Who a token names, and what the person may do in a room.
  struct Identity {
    let userID: String
    /// `nil` if no claim holds a usable name.
    let name: String?
    let access: RoomRights.Access
  }

  /// Verifies the token of a `$connect`.
  ///
  /// - Throws: `HandshakeRefusal`, with the status for the handshake and the reason for the log.
  func identity(_ token: String?, room: String) async throws(HandshakeRefusal) -> Identity {
    guard let token else { throw HandshakeRefusal(401, "there is no token") }
    let claims: Claims
    do {
      claims = try await verifier.verify(token)
    } catch {
      throw HandshakeRefusal(error.isRefusal ? 401 : 503, "\(error)")
    }
    // Cognito's other kinds of tokens, such as refresh tokens, are not meant for an API.
    if let use = claims["token_use"], !["id", "access"].contains(use.string) {
      throw HandshakeRefusal(401, "\(JWTError.wrongTokenUse)")
    }
    return Identity(
      userID: claims.subject, name: Self.nameClaims.lazy.compactMap { Person.name(from: claims[$0]?.string) }.first,
      access: try access(claims, room))
  }

  private func access(_ claims: Claims, _ room: String) throws(HandshakeRefusal) -> RoomRights.Access {
    guard let claim = roomsClaim.flatMap({ claims[$0] }) else { return .write }
    guard let rights = RoomRights(claim) else { throw HandshakeRefusal(403, "the claim of rooms is malformed") }
    guard let access = rights.access(to: room) else { throw HandshakeRefusal(403, "the token does not allow the room") }
    return access
  }
}

/// The refusal of a handshake. Its reason is for the log: it holds no token and no claim's value.
struct HandshakeRefusal: Error {
  let status: Int
  let reason: String

  init(_ status: Int, _ reason: String) {
    self.status = status
    self.reason = reason
  }
}
