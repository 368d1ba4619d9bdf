import JSON

/// A public key for signatures, from a JSON Web Key (RFC 7517; RFC 7518 §6 for RSA and EC, RFC 8037 §2 for Ed25519).
struct JWK: Sendable {
  /// `kid`.
  let keyID: String?
  /// The algorithms that the key allows: only `alg` if present, else all of the key's type and curve.
  let algorithms: [JWSAlgorithm]
  /// The key in libcrypto's form.
  let key: PublicKey

  /// Creates a key from the members of a JWK.
  ///
  /// Members that are not listed in RFC 7517 §4 for signatures are ignored, certificates included.
  ///
  /// - Throws: `invalidKey` for a type or curve that no supported algorithm uses, a symmetric or private key, a `use`
  ///   other than `sig`, `key_ops` without `verify`, an `alg` that does not fit, and numbers that are no sound key.
  init(_ members: [String: JSONValue]) throws(JWTError) {
    for name in ["kid", "use", "alg"] {
      if let value = members[name], value.string == nil { throw .invalidKey("\(name) is not a string") }
    }
    if let use = members["use"]?.string, use != "sig" { throw .invalidKey("its use is not sig") }
    if let operations = members["key_ops"] {
      guard let names = operations.strings, Set(names).count == names.count else {
        throw .invalidKey("key_ops is not a list of different strings")
      }
      guard names.contains("verify") else { throw .invalidKey("its key_ops have no verify") }
    }
    // A published private key is compromised: its signatures prove nothing.
    guard members["d"] == nil else { throw .invalidKey("it is a private key") }
    keyID = members["kid"]?.string

    let all: [JWSAlgorithm]
    switch (members["kty"]?.string, members["crv"]?.string) {
    case ("RSA", _):
      all = [.rs256, .rs384, .rs512, .ps256]
      key = try .rsa(modulus: Self.bytes("n", members), exponent: Self.bytes("e", members))
    case ("EC", "P-256"):
      all = [.es256]
      key = try .ec(.p256, x: Self.bytes("x", members), y: Self.bytes("y", members))
    case ("EC", "P-384"):
      all = [.es384]
      key = try .ec(.p384, x: Self.bytes("x", members), y: Self.bytes("y", members))
    case ("OKP", "Ed25519"):
      all = [.edDSA, .ed25519]
      key = try .ed25519(Self.bytes("x", members))
    default: throw .invalidKey("its kty and crv are not those of a supported algorithm")
    }
    guard let name = members["alg"]?.string else {
      algorithms = all
      return
    }
    guard let algorithm = all.first(where: { $0.rawValue == name }) else {
      throw .invalidKey("its alg is not supported or does not fit its kty and crv")
    }
    algorithms = [algorithm]
  }

  private static func bytes(_ name: String, _ members: [String: JSONValue]) throws(JWTError) -> [UInt8] {
    guard let text = members[name]?.string, let bytes = Base64.url.decode(text.utf8) else {
      throw .invalidKey("\(name) is missing or not base64url")
    }
    return bytes
  }
}
