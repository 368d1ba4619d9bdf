/// A signature algorithm for JSON Web Tokens (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
///
/// `none` and the symmetric algorithms (HS256, HS384, HS512) do not exist here: no key can call for them.
public enum JWSAlgorithm: String, Sendable, CaseIterable {
  /// RSASSA-PKCS1-v1_5 with SHA-256.
  case rs256 = "RS256"
  /// RSASSA-PKCS1-v1_5 with SHA-384.
  case rs384 = "RS384"
  /// RSASSA-PKCS1-v1_5 with SHA-512.
  case rs512 = "RS512"
  /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and 32 bytes of salt.
  case ps256 = "PS256"
  /// ECDSA on P-256 with SHA-256.
  case es256 = "ES256"
  /// ECDSA on P-384 with SHA-384.
  case es384 = "ES384"
  /// EdDSA, on Ed25519 alone.
  case edDSA = "EdDSA"
  /// EdDSA on Ed25519 by its own name (RFC 9864).
  case ed25519 = "Ed25519"

  /// The hash function by libcrypto's name, or `nil` where the algorithm includes its hash.
  var digestName: String? {
    switch self {
    case .rs256, .ps256, .es256: "SHA256"
    case .rs384, .es384: "SHA384"
    case .rs512: "SHA512"
    case .edDSA, .ed25519: nil
    }
  }
}
