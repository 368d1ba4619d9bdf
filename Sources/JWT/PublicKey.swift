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
    let modulus = try RSAParameters.checked(modulus: modulus, exponent: exponent)
    return PublicKey(
      try make(type: "RSA") { (builder, numbers) throws(JWTError) in
        try numbers.push(modulus, to: builder, as: OSSL_PKEY_PARAM_RSA_N)
        try numbers.push(exponent, to: builder, as: OSSL_PKEY_PARAM_RSA_E)
      })
  }

  /// Creates an EC key from the coordinates of its point, big-endian and of the curve's full length.
  static func ec(_ curve: EllipticCurve, x: [UInt8], y: [UInt8]) throws(JWTError) -> PublicKey {
    guard x.count == curve.coordinateBytes, y.count == curve.coordinateBytes else {
      throw .invalidKey("a coordinate has the wrong length")
    }
    let point = [0x04] + x + y
    let key = try make(type: "EC") { (builder, _) throws(JWTError) in
      guard
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve.rawValue, 0) == 1,
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, point.count) == 1
      else { throw .cryptoFailure }
    }
    return PublicKey(key, curve: curve)
  }

  /// Creates an Ed25519 key from its 32 bytes (RFC 8032 §5.1.5).
  static func ed25519(_ bytes: [UInt8]) throws(JWTError) -> PublicKey {
    guard bytes.count == 32 else { throw .invalidKey("x has the wrong length") }
    guard !Ed25519Point.isUnfit(bytes) else { throw .invalidKey("the point has a small order or no canonical encoding") }
    guard let context = Libcrypto.context else { throw .cryptoFailure }
    return PublicKey(
      try Libcrypto.restoringErrorQueue { () throws(JWTError) in
        guard let key = EVP_PKEY_new_raw_public_key_ex(context, "ED25519", nil, bytes, bytes.count) else {
          throw .invalidKey("libcrypto refused the key")
        }
        return key
      })
  }

  private static func make(
    type: String, push: (_ builder: OpaquePointer, _ numbers: BigNumbers) throws(JWTError) -> Void
  ) throws(JWTError) -> OpaquePointer {
    guard let library = Libcrypto.context else { throw .cryptoFailure }
    return try Libcrypto.restoringErrorQueue { () throws(JWTError) in
      // The builder refers to the numbers until its parameters are made.
      let numbers = BigNumbers()
      defer { withExtendedLifetime(numbers) {} }
      guard let builder = OSSL_PARAM_BLD_new() else { throw .cryptoFailure }
      defer { OSSL_PARAM_BLD_free(builder) }
      try push(builder, numbers)
      guard let parameters = OSSL_PARAM_BLD_to_param(builder) else { throw .cryptoFailure }
      defer { OSSL_PARAM_free(parameters) }
      guard let context = EVP_PKEY_CTX_new_from_name(library, type, nil) else { throw .cryptoFailure }
      defer { EVP_PKEY_CTX_free(context) }
      var key: OpaquePointer?
      // Checks that the point of an EC key is on its curve.
      guard
        EVP_PKEY_fromdata_init(context) == 1,
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY_SELECTION, parameters) == 1, let key
      else { throw .invalidKey("libcrypto refused the key") }
      return key
    }
  }

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

/// `EVP_PKEY_PUBLIC_KEY`, a macro that Swift does not import: the parameters of a public key.
private let EVP_PKEY_PUBLIC_KEY_SELECTION = OSSL_KEYMGMT_SELECT_ALL_PARAMETERS | OSSL_KEYMGMT_SELECT_PUBLIC_KEY

/// The `BIGNUM`s that a parameter builder refers to.
private final class BigNumbers {
  private var numbers: [OpaquePointer] = []

  deinit { for number in numbers { BN_free(number) } }

  func push(_ bytes: [UInt8], to builder: OpaquePointer, as name: String) throws(JWTError) {
    guard let number = BN_bin2bn(bytes, Int32(clamping: bytes.count), nil) else { throw .cryptoFailure }
    numbers.append(number)
    guard OSSL_PARAM_BLD_push_BN(builder, name, number) == 1 else { throw .cryptoFailure }
  }
}
