/// The reason why a token was refused, or why keys could not be had.
///
/// The description is fit for a log: it never holds the token, a claim's value or key material.
public enum JWTError: Error, Sendable, Equatable {
  /// A part of a compact JWS.
  public enum Part: String, Sendable {
    /// The whole token: three parts with two dots between them.
    case token
    /// The JOSE header.
    case header
    /// The payload.
    case payload
    /// The signature.
    case signature
  }

  /// A claim that is checked.
  public enum Claim: String, Sendable {
    /// The issuer.
    case issuer = "iss"
    /// The subject.
    case subject = "sub"
    /// The audience.
    case audience = "aud"
    /// The client of an Amazon Cognito access token, instead of an audience.
    case clientID = "client_id"
    /// The expiration time.
    case expirationTime = "exp"
    /// The time before which the token is not valid.
    case notBefore = "nbf"
    /// The time of issue.
    case issuedAt = "iat"
    /// The kind of an Amazon Cognito token.
    case tokenUse = "token_use"
  }

  /// The token has more than `TokenPolicy.maximumTokenBytes` bytes.
  case tooLarge
  /// A part is empty, missing, not base64url, not UTF-8, not JSON, or JSON with members of the wrong type.
  case malformed(Part)
  /// The header names `none`, a symmetric algorithm, one that the policy does not allow, or an unknown one.
  case unsupportedAlgorithm
  /// The header has `crit`: an extension that must be understood, and none is.
  case unsupportedExtension
  /// The header has `b64`: a payload that may not be encoded (RFC 7797).
  case unencodedPayload
  /// The header's `typ` is that of another kind of token, such as a logout token (RFC 8725 §3.11).
  case wrongType
  /// The key that the token names is for another algorithm.
  case algorithmMismatch
  /// No key of the issuer fits the token.
  case unknownKey
  /// The signature does not verify.
  case invalidSignature
  /// A required claim is missing.
  case missingClaim(Claim)
  /// A claim has the wrong type or an impossible value.
  case malformedClaim(Claim)
  /// `iss` is not the configured issuer.
  case wrongIssuer
  /// `aud`, or `client_id`, has none of the configured audiences.
  case wrongAudience
  /// `token_use` is not the configured one.
  case wrongTokenUse
  /// `exp` has passed.
  case expired
  /// `nbf` is in the future.
  case notYetValid
  /// `iat` is in the future.
  case issuedInFuture
  /// A key cannot be used. The reason is a fixed text.
  case invalidKey(String)
  /// A JWK Set cannot be used. The reason is a fixed text.
  case invalidKeySet(String)
  /// The issuer's keys could not be fetched, and none are cached. The reason is the fetch's error, made printable and cut.
  case keysUnavailable(String)
  /// libcrypto failed for a reason other than the signature, such as a lack of memory.
  case cryptoFailure

  /// Whether the token itself is invalid: `false` if the same token may be accepted later, once keys are available.
  public var isRefusal: Bool {
    switch self {
    case .invalidKey, .invalidKeySet, .keysUnavailable, .cryptoFailure: false
    default: true
    }
  }
}

extension JWTError: CustomStringConvertible {
  /// The reason, without a full stop at the end.
  public var description: String {
    switch self {
    case .tooLarge: "the token is larger than \(TokenPolicy.maximumTokenBytes) bytes"
    case .malformed(.token): "the token is not a compact JWS"
    case .malformed(let part): "the token's \(part.rawValue) is malformed"
    case .unsupportedAlgorithm: "the token's alg is not supported"
    case .unsupportedExtension: "the token has a crit header"
    case .unencodedPayload: "the token has a b64 header"
    case .wrongType: "the token's typ is neither JWT nor at+jwt"
    case .algorithmMismatch: "the token's alg is not that of its key"
    case .unknownKey: "no key of the issuer fits the token"
    case .invalidSignature: "the token's signature does not verify"
    case .missingClaim(let claim): "the token has no \(claim.rawValue)"
    case .malformedClaim(let claim): "the token's \(claim.rawValue) is malformed"
    case .wrongIssuer: "the token is from another issuer"
    case .wrongAudience: "the token is for another audience"
    case .wrongTokenUse: "the token's token_use is not the configured one"
    case .expired: "the token has expired"
    case .notYetValid: "the token is not valid yet"
    case .issuedInFuture: "the token was issued in the future"
    case .invalidKey(let reason): "a key cannot be used: \(reason)"
    case .invalidKeySet(let reason): "the JWK Set cannot be used: \(reason)"
    case .keysUnavailable(let reason): "the issuer's keys cannot be fetched: \(reason)"
    case .cryptoFailure: "libcrypto failed"
    }
  }
}
