import AWS
import HTTP
import JWT

/// The issuer of tokens, and what is expected of them.
public struct TokenConfiguration: Sendable, Equatable {
  /// The `iss` of accepted tokens: `TOKEN_ISSUER`.
  let issuer: String
  /// The accepted audiences: `TOKEN_AUDIENCE`, separated by commas.
  let audiences: [String]
  /// The address of the issuer's keys: `TOKEN_JWKS`. `nil`: its discovery document names it.
  let keys: TargetURI?
  /// The required `token_use` of Amazon Cognito: `TOKEN_USE`. `nil` accepts both, and tokens without one.
  let use: TokenPolicy.TokenUse?
  /// The claim that lists the rooms of a person: `ROOMS_CLAIM`. `nil`: everyone may enter all rooms.
  let roomsClaim: String?

  /// Reads the settings.
  ///
  /// - Returns: `nil` if none is set.
  /// - Throws: `ConfigurationError` for a malformed setting, and for a part of them: whoever sets one means people to
  ///   sign in.
  init?(_ environment: Environment) throws(ConfigurationError) {
    let issuer = try environment.value("TOKEN_ISSUER")
    let audience = try environment.value("TOKEN_AUDIENCE")
    let keys = try environment.value("TOKEN_JWKS")
    let use = try environment.value("TOKEN_USE")
    roomsClaim = try environment.value("ROOMS_CLAIM")
    guard let issuer else {
      guard audience == nil, keys == nil, use == nil, roomsClaim == nil else {
        throw ConfigurationError(
          "TOKEN_ISSUER is not set, but other settings of tokens are: set it to the issuer's URL, or remove "
            + "TOKEN_AUDIENCE, TOKEN_JWKS, TOKEN_USE and ROOMS_CLAIM.")
      }
      return nil
    }
    guard TargetURI(trusted: issuer) != nil else { throw Self.notTrusted("TOKEN_ISSUER", issuer) }
    self.issuer = issuer
    guard let audience else {
      throw ConfigurationError("TOKEN_AUDIENCE is not set: set it to the client id that the issuer's tokens are for.")
    }
    audiences = audience.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard !audiences.contains("") else {
      throw ConfigurationError("TOKEN_AUDIENCE has an empty entry: remove the comma.")
    }
    if let keys {
      guard let target = TargetURI(trusted: keys) else { throw Self.notTrusted("TOKEN_JWKS", keys) }
      self.keys = target
    } else {
      self.keys = nil
    }
    if let use {
      guard let use = TokenPolicy.TokenUse(rawValue: use) else {
        throw ConfigurationError("TOKEN_USE must be id or access, or not be set.")
      }
      self.use = use
    } else {
      self.use = nil
    }
  }

  private static func notTrusted(_ name: String, _ value: String) -> ConfigurationError {
    ConfigurationError(
      "\(name) is \(ExternalText.quoted(value)): it must be an https URL, or an http URL of this machine.")
  }

  /// The sign-in by these tokens.
  public func signIn(_ transport: any HTTPTransport) -> SignIn {
    let policy = TokenPolicy(issuer: issuer, audiences: audiences, acceptsClientID: true, tokenUse: use)
    let keys = IssuerKeys(issuer: issuer, address: keys, transport: transport)
    return SignIn(TokenVerifier(policy: policy, keys: KeyStore { try await keys.fetch() }), roomsClaim: roomsClaim)
  }
}
