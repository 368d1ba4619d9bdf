import HTTP

/// Where a client takes its credentials from. It is asked before each attempt, so that they may change.
public protocol CredentialsProvider: Sendable {
  /// The credentials in force now.
  ///
  /// - Throws: `ConfigurationError` or `AWSError` when there are none.
  func credentials() async throws -> Credentials
}

extension Credentials: CredentialsProvider {
  /// These credentials.
  public func credentials() async throws -> Credentials { self }
}

/// The provider that the environment asks for: the keys in it, or else the container's endpoint.
///
/// - Throws: `ConfigurationError` when the environment asks for none, or for one that cannot be.
func credentialsProvider(
  environment: [String: String], transport: any HTTPTransport
) throws(ConfigurationError) -> any CredentialsProvider {
  if let credentials = try Credentials(environment: environment) { return credentials }
  if let endpoint = try ContainerCredentials(environment: environment, transport: transport) { return endpoint }
  throw ConfigurationError(
    "No AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN with temporary ones), "
      + "or AWS_CONTAINER_CREDENTIALS_FULL_URI.")
}
