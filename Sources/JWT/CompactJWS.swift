import JSON

/// A JSON Web Signature in compact serialization (RFC 7515 §7.1), parsed but not verified.
struct CompactJWS: Sendable {
  /// The header's `alg`. Used only if the key allows that algorithm.
  let algorithm: JWSAlgorithm
  /// The header's `kid`.
  let keyID: String?
  /// The header's `typ`.
  let type: String?
  /// The signed bytes: header and payload as they were sent, and the dot between them.
  let signingInput: [UInt8]
  /// The decoded payload.
  let payload: [UInt8]
  /// The decoded signature.
  let signature: [UInt8]

  /// Parses a token.
  ///
  /// Header parameters that name keys (`jwk`, `jku`, `x5u`, `x5c`, `x5t`) are ignored: keys come from the issuer alone.
  ///
  /// - Throws: `tooLarge`, `malformed`, `unsupportedAlgorithm`, `unsupportedExtension`, `unencodedPayload`.
  init(_ token: String) throws(JWTError) {
    guard token.utf8.count <= TokenPolicy.maximumTokenBytes else { throw .tooLarge }
    let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .malformed(.token) }
    guard let header = Base64.url.decode(parts[0]) else { throw .malformed(.header) }
    guard let payload = Base64.url.decode(parts[1]) else { throw .malformed(.payload) }
    guard let signature = Base64.url.decode(parts[2]), !signature.isEmpty else { throw .malformed(.signature) }
    guard let members = (try? JSONValue(parsing: header))?.object else { throw .malformed(.header) }
    // No extension is implemented, so any `crit` names one that is not understood (RFC 7515 §4.1.11).
    guard members["crit"] == nil else { throw .unsupportedExtension }
    guard members["b64"] == nil else { throw .unencodedPayload }
    guard let name = members["alg"]?.string else { throw .malformed(.header) }
    guard let algorithm = JWSAlgorithm(rawValue: name) else { throw .unsupportedAlgorithm }
    for name in ["kid", "typ"] {
      if let value = members[name], value.string == nil { throw .malformed(.header) }
    }
    self.algorithm = algorithm
    self.keyID = members["kid"]?.string
    self.type = members["typ"]?.string
    self.signingInput = Array(token.utf8[..<parts[1].endIndex])
    self.payload = payload
    self.signature = signature
  }
}
