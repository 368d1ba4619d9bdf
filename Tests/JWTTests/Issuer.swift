import JWTTestSupport

@testable import JWT

/// An issuer with one key of each type, made once for all tests, and the policy that accepts its tokens.
struct Issuer: Sendable {
  let keys: [JWSAlgorithm: SigningKey]
  /// A set with each key, its `kid` being the algorithm's name.
  let keySet: JWKSet
  let policy = TokenPolicy(issuer: "https://issuer.example/pool", audiences: ["chat", "chat-admin"])

  /// The time that `payload` is made for.
  static let now = NumericDate(secondsSince1970: 1_764_000_000)

  static let shared: Issuer? = try? Issuer()

  private init() throws {
    let rsa = try SigningKey(.rs256)
    var keys: [JWSAlgorithm: SigningKey] = [.rs256: rsa]
    for algorithm in [JWSAlgorithm.rs384, .rs512, .ps256, .es256, .es384, .edDSA, .ed25519] {
      keys[algorithm] = try SigningKey(algorithm)
    }
    self.keys = keys
    keySet = try JWKSet(
      parsing: Issuer.set(keys.map { $0.value.json(["kid": $0.key.rawValue, "alg": $0.key.rawValue]) }))
  }

  /// A JWK Set of keys in JSON.
  static func set(_ keys: [String]) -> [UInt8] { Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8) }

  /// A payload that the policy accepts.
  ///
  /// - Parameter changes: JSON by name for claims to set; `nil` removes one.
  static func payload(_ changes: [String: String?] = [:]) -> String {
    var claims = [
      "iss": #""https://issuer.example/pool""#, "aud": #""chat""#, "sub": #""person-1""#, "exp": "1764003600",
      "iat": "1764000000", "nbf": "1764000000",
    ]
    for (name, value) in changes { claims[name] = value }
    return "{" + claims.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
  }

  /// A token with the `kid` of its key.
  func token(_ algorithm: JWSAlgorithm = .edDSA, payload: String = Issuer.payload()) throws -> String {
    guard let key = keys[algorithm] else { throw JWTError.unknownKey }
    return try key.token(
      header: #"{"alg":"\#(algorithm.rawValue)","kid":"\#(algorithm.rawValue)"}"#, payload: payload)
  }

  /// The result of the policy for a token.
  func judge(_ token: String, policy: TokenPolicy? = nil, now: NumericDate = Issuer.now) -> Result<Claims, JWTError> {
    Result { () throws(JWTError) in try (policy ?? self.policy).verify(token, keys: keySet, now: now) }
  }
}

extension Result where Failure == JWTError {
  /// The error of a refusal.
  var error: JWTError? { if case .failure(let error) = self { error } else { nil } }
}
