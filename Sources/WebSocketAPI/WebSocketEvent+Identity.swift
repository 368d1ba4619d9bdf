extension WebSocketEvent {
  /// The client, as API Gateway knows it. Fields other than `sourceIp` and `userAgent` are set only for requests that
  /// were signed by AWS credentials or carry an API key.
  public struct Identity: Sendable, Equatable {
    /// All fields by API Gateway's names, those without a property included.
    public let fields: [String: String]

    init(_ fields: [String: String] = [:]) { self.fields = fields }

    /// The address of the TCP connection's client.
    public var sourceIp: String? { fields["sourceIp"] }
    /// The `User-Agent` of the handshake.
    public var userAgent: String? { fields["userAgent"] }
    /// The AWS account of the caller.
    public var accountId: String? { fields["accountId"] }
    /// The API key of the request.
    public var apiKey: String? { fields["apiKey"] }
    /// The id of the API key.
    public var apiKeyId: String? { fields["apiKeyId"] }
    /// The access key id that signed the request.
    public var accessKey: String? { fields["accessKey"] }
    /// The principal of the caller.
    public var caller: String? { fields["caller"] }
    /// The principal of the user.
    public var user: String? { fields["user"] }
    /// The ARN of the user.
    public var userArn: String? { fields["userArn"] }
    /// The caller's AWS organization.
    public var principalOrgId: String? { fields["principalOrgId"] }
    /// The Cognito identity id of the caller.
    public var cognitoIdentityId: String? { fields["cognitoIdentityId"] }
    /// The Cognito identity pool of the caller.
    public var cognitoIdentityPoolId: String? { fields["cognitoIdentityPoolId"] }
    /// `authenticated` or `unauthenticated`, by Cognito.
    public var cognitoAuthenticationType: String? { fields["cognitoAuthenticationType"] }
    /// The Cognito authentication providers, separated by commas.
    public var cognitoAuthenticationProvider: String? { fields["cognitoAuthenticationProvider"] }
  }
}

extension WebSocketEvent.Identity: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The address only: an API key is a secret.
  public var description: String { sourceIp ?? "unknown" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// The address only.
  public var customMirror: Mirror { Mirror(self, children: ["sourceIp": sourceIp as Any]) }
}
