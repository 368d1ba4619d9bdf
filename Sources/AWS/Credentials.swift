/// The keys that sign requests to AWS.
public struct Credentials: Sendable, Equatable {
  /// The access key id.
  public let accessKeyID: String
  /// The secret access key.
  public let secretAccessKey: String
  /// The session token that goes with temporary keys.
  public let sessionToken: String?

  /// Makes credentials.
  public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
  }

  /// The credentials in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; an empty variable counts
  /// as one that is not set, as in the AWS SDKs.
  ///
  /// - Returns: `nil` when neither key is there.
  /// - Throws: `ConfigurationError` when only one of the two keys is there.
  public init?(environment: [String: String]) throws(ConfigurationError) {
    switch (environment.value("AWS_ACCESS_KEY_ID"), environment.value("AWS_SECRET_ACCESS_KEY")) {
    case (let id?, let secret?):
      self.init(accessKeyID: id, secretAccessKey: secret, sessionToken: environment.value("AWS_SESSION_TOKEN"))
    case (nil, nil): return nil
    case (nil, _): throw ConfigurationError("AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not: set both.")
    case (_, nil): throw ConfigurationError("AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not: set both.")
    }
  }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The key id alone: a secret must not reach a log by way of an interpolation or a dump.
  public var description: String { "Credentials(\(accessKeyID))" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// The key id alone.
  public var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}
