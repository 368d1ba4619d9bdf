import HTTP

/// A source of credentials. Clients ask it before each attempt, so that credentials may change.
public protocol CredentialsProvider: Sendable {
  /// The current credentials.
  ///
  /// - Throws: `ConfigurationError` or `AWSError` if there are none.
  func credentials() async throws -> Credentials
}

extension Credentials: CredentialsProvider {
  /// These credentials.
  public func credentials() async throws -> Credentials { self }
}

/// The provider that the environment selects: its keys, or else the container's endpoint.
///
/// - Throws: `ConfigurationError` if the environment selects none, or an invalid one.
func credentialsProvider(
  environment: Environment, transport: any HTTPTransport
) throws(ConfigurationError) -> any CredentialsProvider {
  if let credentials = try Credentials(environment: environment) { return credentials }
  if let endpoint = try ContainerCredentials(environment: environment, transport: transport) { return endpoint }
  throw ConfigurationError(
    "No AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN with temporary ones), "
      + "or AWS_CONTAINER_CREDENTIALS_FULL_URI.")
}
