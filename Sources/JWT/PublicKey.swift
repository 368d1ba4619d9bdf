import CCrypto

/// A public key in libcrypto's form, built once and freed with the last reference.
///
/// Safe to share between threads: libcrypto only reads an `EVP_PKEY` to verify, and locks what it caches in it.
final class PublicKey: @unchecked Sendable {
  /// The `EVP_PKEY`.
  private let key: OpaquePointer
  /// The curve of an EC key.
  private let curve: EllipticCurve?

  private init(_ key: OpaquePointer, curve: EllipticCurve? = nil) {
    self.key = key
    self.curve = curve
  }

  deinit { EVP_PKEY_free(key) }

  // MARK: - Keys

  /// Creates an RSA key from its numbers, big-endian.
  static func rsa(modulus: [UInt8], exponent: [UInt8]) throws(JWTError) -> PublicKey {
    var modulus = nativeEndian(try RSAParameters.checked(modulus: modulus, exponent: exponent))
    var exponent = nativeEndian(exponent)
    return PublicKey(
      try modulus.withUnsafeMutableBufferPointer { (modulus) throws(JWTError) in
        try exponent.withUnsafeMutableBufferPointer { (exponent) throws(JWTError) in
          try make(
            type: "RSA",
            [
              OSSL_PARAM_construct_BN(Name.modulus, modulus.baseAddress, modulus.count),
              OSSL_PARAM_construct_BN(Name.exponent, exponent.baseAddress, exponent.count),
              OSSL_PARAM_construct_end(),
            ])
        }
      })
  }

  /// Creates an EC key from the coordinates of its point, big-endian and of the curve's full length.
  static func ec(_ curve: EllipticCurve, x: [UInt8], y: [UInt8]) throws(JWTError) -> PublicKey {
    guard x.count == curve.coordinateBytes, y.count == curve.coordinateBytes else {
      throw .invalidKey("a coordinate has the wrong length")
    }
    var group = curve.rawValue.utf8CString
    // The uncompressed form (SEC 1 §2.3.3).
    var point = [0x04] + x + y
    let key = try group.withUnsafeMutableBufferPointer { (group) throws(JWTError) in
      try point.withUnsafeMutableBufferPointer { (point) throws(JWTError) in
        try make(
          type: "EC",
          [
            OSSL_PARAM_construct_utf8_string(Name.group, group.baseAddress, 0),
            OSSL_PARAM_construct_octet_string(Name.publicKey, point.baseAddress, point.count),
            OSSL_PARAM_construct_end(),
          ])
      }
    }
    return PublicKey(key, curve: curve)
  }

  /// Creates an Ed25519 key from its 32 bytes (RFC 8032 §5.1.5).
  static func ed25519(_ bytes: [UInt8]) throws(JWTError) -> PublicKey {
    guard bytes.count == 32 else { throw .invalidKey("x has the wrong length") }
    guard !Ed25519Point.isUnfit(bytes) else { throw .invalidKey("the point is of small order, or not canonical") }
    guard let context = Libcrypto.context else { throw .cryptoFailure }
    return PublicKey(
      try Libcrypto.restoringErrorQueue { () throws(JWTError) in
        guard let key = EVP_PKEY_new_raw_public_key_ex(context, "ED25519", nil, bytes, bytes.count) else {
          throw .invalidKey("libcrypto refused the key")
        }
        return key
      })
  }

  private static func make(type: String, _ parameters: [OSSL_PARAM]) throws(JWTError) -> OpaquePointer {
    guard let library = Libcrypto.context else { throw .cryptoFailure }
    var parameters = parameters
    return try Libcrypto.restoringErrorQueue { () throws(JWTError) in
      guard let context = EVP_PKEY_CTX_new_from_name(library, type, nil) else { throw .cryptoFailure }
      defer { EVP_PKEY_CTX_free(context) }
      var key: OpaquePointer?
      // Checks that the point of an EC key is on its curve.
      guard
        EVP_PKEY_fromdata_init(context) == 1,
        EVP_PKEY_fromdata(context, &key, publicKeySelection, &parameters) == 1, let key
      else { throw .invalidKey("libcrypto refused the key") }
      return key
    }
  }

  /// `EVP_PKEY_PUBLIC_KEY`, a macro that Swift does not import.
  private static let publicKeySelection = OSSL_KEYMGMT_SELECT_ALL_PARAMETERS | OSSL_KEYMGMT_SELECT_PUBLIC_KEY

  /// Names of parameters (openssl/core_names.h): `OSSL_PARAM` keeps a pointer to a name, and those of literals are valid
  /// for good.
  private enum Name {
    static var modulus: UnsafePointer<CChar> { pointer("n") }
    static var exponent: UnsafePointer<CChar> { pointer("e") }
    static var group: UnsafePointer<CChar> { pointer("group") }
    static var publicKey: UnsafePointer<CChar> { pointer("pub") }

    private static func pointer(_ literal: StaticString) -> UnsafePointer<CChar> {
      UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
    }
  }

  /// A big-endian number in the byte order of this machine, as `OSSL_PARAM` holds it.
  private static func nativeEndian(_ bytes: [UInt8]) -> [UInt8] { 1.littleEndian == 1 ? bytes.reversed() : bytes }

  // MARK: - Signatures

  /// Whether a signature over a message verifies.
  ///
  /// - Parameters:
  ///   - signature: in the form of RFC 7518: for ECDSA both numbers, big-endian, one after the other.
  ///   - algorithm: one that the key's type allows; another does not verify.
  /// - Throws: `cryptoFailure`.
  func isValid(
    signature: [UInt8], of message: [UInt8], by algorithm: JWSAlgorithm
  ) throws(JWTError) -> Bool {
    guard let library = Libcrypto.context else { throw .cryptoFailure }
    var signature = signature
    if let curve {
      guard let encoded = curve.derSignature(signature) else { return false }
      signature = encoded
    }
    return try Libcrypto.restoringErrorQueue { () throws(JWTError) in
      guard let context = EVP_MD_CTX_new() else { throw .cryptoFailure }
      defer { EVP_MD_CTX_free(context) }
      var keyContext: OpaquePointer?
      guard EVP_DigestVerifyInit_ex(context, &keyContext, algorithm.digestName, library, nil, key, nil) == 1 else {
        throw .cryptoFailure
      }
      if algorithm == .ps256 {
        guard
          EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING) == 1,
          EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, RSA_PSS_SALTLEN_DIGEST) == 1
        else { throw .cryptoFailure }
      }
      return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
  }
}
