/// The public keys of an issuer, from a JSON Web Key Set (RFC 7517 §5).
///
/// The keys are held in libcrypto's form, so a set is parsed once and used for many tokens, from any thread.
public struct JWKSet: Sendable {
  /// The largest set that is parsed, in bytes: 64 KiB. A client that fetches sets reads no more than this.
  public static let maximumBytes = 65_536
  /// The most keys that a set may list, unusable ones included.
  public static let maximumKeys = 100
  /// The maximum number of keys to try for one token.
  static let maximumTries = 8

  /// The reasons why keys of the set are ignored, in order: `JWTError.invalidKey` for each. Encryption keys are among
  /// them.
  public let ignoredKeys: [JWTError]

  private let keys: [JWK]

  /// The number of usable keys; at least 1.
  public var count: Int { keys.count }

  /// Parses a set.
  ///
  /// A key that cannot be used is ignored (RFC 7517 §5); see `ignoredKeys`.
  ///
  /// - Throws: `JWTError.invalidKeySet` for a text over `maximumBytes`, one that is not the JSON of a set, or has names
  ///   that repeat within an object; for more than `maximumKeys` keys; and if no key can be used.
  public init(parsing text: [UInt8]) throws(JWTError) {
    guard text.count <= Self.maximumBytes else { throw .invalidKeySet("it is larger than \(Self.maximumBytes) bytes") }
    guard let members = (try? JSONValue(parsing: text))?.object else {
      throw .invalidKeySet("it is not a JSON object, or a name repeats")
    }
    guard let elements = members["keys"]?.array else { throw .invalidKeySet("it has no array of keys") }
    guard elements.count <= Self.maximumKeys else { throw .invalidKeySet("it has more than \(Self.maximumKeys) keys") }
    var keys: [JWK] = []
    var ignoredKeys: [JWTError] = []
    for element in elements {
      do throws(JWTError) {
        guard let members = element.object else { throw .invalidKey("it is not an object") }
        keys.append(try JWK(members))
      } catch {
        ignoredKeys.append(error)
      }
    }
    guard !keys.isEmpty else { throw .invalidKeySet("it has no key for a supported algorithm") }
    self.keys = keys
    self.ignoredKeys = ignoredKeys
  }

  /// Verifies a token's signature with the keys that have its `kid` and support its `alg`. A token without a `kid` is
  /// verified with all keys that support its `alg`. At most `maximumTries` keys are tried.
  ///
  /// - Throws: `unknownKey`, `algorithmMismatch`, `invalidSignature`, `cryptoFailure`.
  func verify(_ token: CompactJWS) throws(JWTError) {
    let named = token.keyID.map { keyID in keys.filter { $0.keyID?.isIdentical(to: keyID) ?? false } } ?? keys
    guard !named.isEmpty else { throw .unknownKey }
    let candidates = named.filter { $0.algorithms.contains(token.algorithm) }
    guard !candidates.isEmpty else { throw token.keyID == nil ? .unknownKey : .algorithmMismatch }
    for candidate in candidates.prefix(Self.maximumTries) {
      if try candidate.key.isValid(signature: token.signature, of: token.signingInput, by: token.algorithm) { return }
    }
    throw .invalidSignature
  }
}
