/// Verifies the tokens of one issuer, whose keys it fetches when it needs them.
///
/// ```swift
/// let verifier = TokenVerifier(
///   policy: TokenPolicy(issuer: "https://example.com", audiences: ["chat"]),
///   keys: KeyStore { try await download("https://example.com/.well-known/jwks.json") })
/// let claims = try await verifier.verify(token)
/// ```
///
/// Safe to use from any task.
public struct TokenVerifier: Sendable {
  /// The tokens that are accepted.
  public let policy: TokenPolicy
  /// The keys of the issuer.
  public let keys: KeyStore

  /// Creates a verifier.
  public init(policy: TokenPolicy, keys: KeyStore) {
    self.policy = policy
    self.keys = keys
  }

  /// Verifies a token; see `TokenPolicy.verify(_:keys:now:)` for what is checked.
  ///
  /// Fetches keys if there are none or none fits the token, as `KeyStore` allows. A token that is malformed or uses
  /// another algorithm than the policy's causes no fetch.
  ///
  /// - Returns: the claims of the accepted token.
  public func verify(_ token: String, now: NumericDate = .now) async throws(JWTError) -> Claims {
    let jws = try policy.parse(token)
    let snapshot = try await keys.snapshot()
    do throws(JWTError) {
      try snapshot.keys.verify(jws)
    } catch {
      // The issuer may have replaced its keys. After `invalidSignature`, new keys help only a token without a `kid`: a
      // `kid` never names another key.
      guard error == .unknownKey || (error == .invalidSignature && jws.keyID == nil) else { throw error }
      let newer = try await keys.snapshot(after: snapshot.generation)
      guard newer.generation > snapshot.generation else { throw error }
      try newer.keys.verify(jws)
    }
    return try policy.claims(of: jws, now: now)
  }
}
