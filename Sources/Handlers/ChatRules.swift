import WebSocketAPI

/// Who may connect, and how much a person may do.
public struct ChatRules: Sendable {
  /// `nil`: people do not sign in; connections with the same key are one person.
  let signIn: SignIn?
  /// `nil`: web pages of all origins may connect.
  let origins: AllowedOrigins?
  /// The most connections of one person; `nil` for any number.
  let connectionsPerUser: Int?
  /// The limit on the messages of one connection; `nil` for none.
  let messageLimit: MessageLimit?

  /// Creates rules; by default all is allowed.
  public init(
    signIn: SignIn? = nil, origins: AllowedOrigins? = nil, connectionsPerUser: Int? = nil,
    messageLimit: MessageLimit? = nil
  ) {
    self.signIn = signIn
    self.origins = origins
    self.connectionsPerUser = connectionsPerUser
    self.messageLimit = messageLimit
  }
}
