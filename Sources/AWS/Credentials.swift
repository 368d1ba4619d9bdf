/// The keys for signing requests to AWS.
public struct Credentials: Sendable, Equatable {
  /// The access key id.
  public let accessKeyID: String
  /// The secret access key.
  public let secretAccessKey: String
  /// The session token of temporary keys.
  public let sessionToken: String?

  /// Creates credentials.
  public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
  }

  /// The credentials in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
  ///
  /// - Returns: `nil` if neither key is set; an empty variable counts as unset.
  /// - Throws: `ConfigurationError` if only one of the keys is set, or a value has stray white space.
  public init?(environment: Environment) throws(ConfigurationError) {
    let id = try environment.value("AWS_ACCESS_KEY_ID")
    let secret = try environment.value("AWS_SECRET_ACCESS_KEY")
    let token = try environment.value("AWS_SESSION_TOKEN")
    switch (id, secret) {
    case (let id?, let secret?): self.init(accessKeyID: id, secretAccessKey: secret, sessionToken: token)
    case (nil, nil): return nil
    case (nil, _): throw ConfigurationError("AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not: set both.")
    case (_, nil): throw ConfigurationError("AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not: set both.")
    }
  }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The key id only: a secret must not reach a log through an interpolation or a dump.
  public var description: String { "Credentials(\(accessKeyID))" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// The key id only.
  public var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}
