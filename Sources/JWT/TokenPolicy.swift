/// The tokens that a service accepts: from whom, for whom, and until when.
public struct TokenPolicy: Sendable {
  /// The kinds of tokens that Amazon Cognito issues, by their `token_use`.
  public enum TokenUse: String, Sendable {
    /// An access token.
    case access
    /// An ID token.
    case id
  }

  /// The largest token that is parsed, in bytes: 8 KiB.
  public static let maximumTokenBytes = 8192
  /// The tolerance for clocks that differ, in seconds, for `exp`, `nbf` and `iat`.
  public static let leeway: Double = 60

  /// The `iss` of accepted tokens, compared byte by byte.
  public var issuer: String
  /// The accepted audiences: `aud` must equal or contain one of them. An empty list accepts no token.
  public var audiences: [String]
  /// Whether a token without `aud` may name an accepted audience in `client_id`, as access tokens of Amazon Cognito do.
  public var acceptsClientID: Bool
  /// The required `token_use`; `nil` accepts any, and tokens without one.
  public var tokenUse: TokenUse?
  /// The algorithms that a token may use. The key decides among them.
  public var algorithms: Set<JWSAlgorithm>

  /// Creates a policy. The parameters are described at the properties of the same names.
  public init(
    issuer: String, audiences: [String], acceptsClientID: Bool = false, tokenUse: TokenUse? = nil,
    algorithms: Set<JWSAlgorithm> = Set(JWSAlgorithm.allCases)
  ) {
    self.issuer = issuer
    self.audiences = audiences
    self.acceptsClientID = acceptsClientID
    self.tokenUse = tokenUse
    self.algorithms = algorithms
  }

  /// Verifies a token by keys that are at hand. Pure: no I/O, no clock.
  ///
  /// The token is a JWS in compact serialization (RFC 7515 §7.1). Its header may have no `crit` and no `b64`; its `typ`,
  /// if any, is `JWT` or `at+jwt` in any case. `iss`, `sub`, `exp` and an audience are required. Times are accepted with
  /// 60 s of `leeway`.
  ///
  /// - Parameters:
  ///   - token: the token, without a scheme such as `Bearer`.
  ///   - keys: the keys of the issuer.
  ///   - now: the time to judge `exp`, `nbf` and `iat` by.
  /// - Returns: the claims of the accepted token.
  public func verify(_ token: String, keys: JWKSet, now: NumericDate) throws(JWTError) -> Claims {
    let jws = try parse(token)
    try keys.verify(jws)
    return try claims(of: jws, now: now)
  }

  /// Parses a token and checks its header.
  func parse(_ token: String) throws(JWTError) -> CompactJWS {
    let jws = try CompactJWS(token)
    guard algorithms.contains(jws.algorithm) else { throw .unsupportedAlgorithm }
    if let type = jws.type?.lowercased() {
      // RFC 7515 §4.1.9: `application/` may be left out.
      let name = type.hasPrefix("application/") ? String(type.dropFirst("application/".count)) : type
      guard name == "jwt" || name == "at+jwt" else { throw .wrongType }
    }
    return jws
  }

  /// Checks the claims of a token whose signature was verified.
  func claims(of jws: CompactJWS, now: NumericDate) throws(JWTError) -> Claims {
    let claims = try Claims(payload: jws.payload, acceptsClientID: acceptsClientID)
    guard claims.issuer.isIdentical(to: issuer) else { throw .wrongIssuer }
    guard audiences.contains(where: { accepted in claims.audiences.contains { $0.isIdentical(to: accepted) } }) else {
      throw .wrongAudience
    }
    if let tokenUse {
      guard let value = claims["token_use"] else { throw .missingClaim(.tokenUse) }
      guard let use = value.string else { throw .malformedClaim(.tokenUse) }
      guard use == tokenUse.rawValue else { throw .wrongTokenUse }
    }
    // Each condition is one for acceptance, so that a `now` that is not a number is refused.
    guard now < claims.expirationTime.advanced(by: Self.leeway) else { throw .expired }
    let latest = now.advanced(by: Self.leeway)
    if let notBefore = claims.notBefore { guard notBefore <= latest else { throw .notYetValid } }
    if let issuedAt = claims.issuedAt { guard issuedAt <= latest else { throw .issuedInFuture } }
    return claims
  }
}
