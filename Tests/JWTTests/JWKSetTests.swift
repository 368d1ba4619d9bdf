import CCrypto
import JSON
import JWTTestSupport
import TestSupport
import Testing

@testable import JWT

@Suite(.ownThread)
struct JWKSetTests {
  private let issuer: Issuer

  init() throws { issuer = try #require(Issuer.shared) }

  private func parse(_ text: [UInt8]) -> Result<JWKSet, JWTError> {
    Result { () throws(JWTError) in try JWKSet(parsing: text) }
  }

  private func json(_ algorithm: JWSAlgorithm, _ members: [String: String?] = [:]) throws -> String {
    try #require(issuer.keys[algorithm]).json(members)
  }

  @Test(
    "Text that is not a set is refused",
    arguments: [
      "", "null", "[]", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":[]} x"#, #"{"keys":[],"keys":[]}"#,
    ])
  func notSets(text: String) {
    guard case .failure(.invalidKeySet) = parse(Array(text.utf8)) else {
      Issue.record("accepted")
      return
    }
  }

  @Test("Text that is not UTF-8 is refused")
  func notUTF8() throws {
    let text = Issuer.set([try json(.es256, ["kid": "X"])]).map { $0 == UInt8(ascii: "X") ? 0xFF : $0 }
    #expect(parse(text).error == .invalidKeySet("it is not a JSON object, or a name repeats"))
  }

  @Test("A set without a usable key is refused", arguments: [[], ["7"], [#"{"kty":"oct","k":"AAAA"}"#]])
  func noUsableKey(keys: [String]) {
    #expect(parse(Issuer.set(keys)).error == .invalidKeySet("it has no key for a supported algorithm"))
  }

  @Test("Unusable keys are ignored with their reasons, others of the set are used")
  func ignoredKeys() throws {
    let set = try JWKSet(
      parsing: Issuer.set([
        "7", try json(.es256, ["use": "enc"]), try json(.edDSA, ["kid": "a"]), #"{"kty":"oct","k":"AAAA"}"#,
      ]))
    #expect(set.count == 1)
    #expect(
      set.ignoredKeys == [
        .invalidKey("it is not an object"), .invalidKey("its use is not sig"),
        .invalidKey("its kty and crv are not those of a supported algorithm"),
      ])
  }

  @Test("100 keys and 65,536 bytes are accepted, one more is not")
  func bounds() throws {
    let key = try json(.edDSA)
    #expect(parse(Issuer.set(Array(repeating: key, count: 100))).error == nil)
    #expect(
      parse(Issuer.set(Array(repeating: key, count: 101))).error == .invalidKeySet("it has more than 100 keys"))
    let set = Issuer.set([key])
    let most = set + [UInt8](repeating: 0x20, count: 65_536 - set.count)
    #expect(parse(most).error == nil)
    #expect(parse(most + [0x20]).error == .invalidKeySet("it is larger than 65536 bytes"))
  }

  @Test("A token's `kid` picks its key, byte by byte; another kid, and a key without one, is not tried")
  func keyID() throws {
    let token = try CompactJWS(try issuer.token(.edDSA))
    func verify(_ keys: [String]) -> JWTError? {
      Result { () throws(JWTError) in try JWKSet(parsing: Issuer.set(keys)).verify(token) }.error
    }
    let key = try json(.edDSA, ["kid": "EdDSA"])
    #expect(verify([key]) == nil)
    #expect(verify([try json(.es256, ["kid": "other"]), key]) == nil)
    // The same kid may name keys of several types (RFC 7517 §4.5).
    #expect(verify([try json(.es256, ["kid": "EdDSA"]), key]) == nil)
    #expect(verify([try json(.edDSA)]) == .unknownKey)
    #expect(verify([try json(.edDSA, ["kid": "eddsa"])]) == .unknownKey)
    #expect(verify([try json(.edDSA, ["kid": ""])]) == .unknownKey)
    #expect(verify([try json(.ed25519, ["kid": "EdDSA"])]) == .invalidSignature)
  }

  @Test("A `kid` is not normalized: é as one character and as two are different")
  func keyIDNormalization() throws {
    let key = try #require(issuer.keys[.edDSA])
    let token = try CompactJWS(try key.token(header: "{\"alg\":\"EdDSA\",\"kid\":\"\u{E9}\"}", payload: "{}"))
    let decomposed = try JWKSet(parsing: Issuer.set([key.json(["kid": "e\u{301}"])]))
    #expect(throws: JWTError.unknownKey) { try decomposed.verify(token) }
    try JWKSet(parsing: Issuer.set([key.json(["kid": "\u{E9}"])])).verify(token)
  }

  @Test("A token without a `kid` is verified by each key for its algorithm, up to 8")
  func noKeyID() throws {
    let key = try #require(issuer.keys[.es256])
    let token = try CompactJWS(try key.token(payload: "{}"))
    let other = try SigningKey(.es256).json()
    let foreign = [try json(.rs256), try json(.es384), try json(.edDSA)]
    try JWKSet(parsing: Issuer.set(foreign + Array(repeating: other, count: 7) + [key.json()])).verify(token)
    #expect(throws: JWTError.invalidSignature) {
      try JWKSet(parsing: Issuer.set(Array(repeating: other, count: 8) + [key.json()])).verify(token)
    }
    #expect(throws: JWTError.unknownKey) { try JWKSet(parsing: Issuer.set(foreign)).verify(token) }
  }

  @Test("The JWK's alg decides: a token with another algorithm is refused, even if the key supports that algorithm")
  func algorithmMismatch() throws {
    let rsa = try #require(issuer.keys[.rs256])
    // A valid RS256 signature whose header says PS256 and so on does not exist; one for a key of another alg does.
    let token = try CompactJWS(try rsa.token(header: #"{"alg":"RS256","kid":"k"}"#, payload: "{}"))
    for algorithm in ["RS384", "RS512", "PS256"] {
      let set = try JWKSet(parsing: Issuer.set([rsa.json(["kid": "k", "alg": algorithm])]))
      #expect(throws: JWTError.algorithmMismatch) { try set.verify(token) }
    }
    let ec = try JWKSet(parsing: Issuer.set([try json(.es256, ["kid": "k"])]))
    #expect(throws: JWTError.algorithmMismatch) { try ec.verify(token) }
    try JWKSet(parsing: Issuer.set([rsa.json(["kid": "k"])])).verify(token)
  }

  @Test("An ECDSA signature is refused if its length is wrong, or if r or s is 0 or not below the order")
  func ecdsaNumbers() throws {
    let key = try #require(issuer.keys[.es256])
    let set = try JWKSet(parsing: Issuer.set([key.json()]))
    let token = try key.token(payload: "{}")
    let input = token.prefix(upTo: try #require(token.lastIndex(of: ".")))
    let signature = try #require(Base64.url.decode(token.suffix(from: token.index(after: input.endIndex)).utf8))
    let (r, s) = (Array(signature.prefix(32)), Array(signature.suffix(32)))
    let zero = [UInt8](repeating: 0, count: 32)
    let one = Array(zero.dropLast()) + [1]
    let order: [UInt8] = [
      0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7,
      0x17,
      0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ]
    let most = [UInt8](repeating: 0xFF, count: 32)
    let wrong: [[UInt8]] = [
      zero + zero, r + zero, zero + s, one + one, order + s, r + order, order + order, most + most, order + zero, s + r,
      Array(signature.dropLast()), signature + [0], [0] + r + [0] + s, r,
    ]
    for signature in wrong {
      let token = try CompactJWS("\(input).\(signature.base64URL)")
      #expect(throws: JWTError.invalidSignature) { try set.verify(token) }
    }
    // The ASN.1 form, which other protocols use.
    let der = try #require(EllipticCurve.p256.derSignature(signature))
    #expect(throws: JWTError.invalidSignature) { try set.verify(CompactJWS("\(input).\(der.base64URL)")) }
    try set.verify(CompactJWS(token))
  }

  @Test("A refused key and a refused signature leave no error in libcrypto's queue, and keep one that is there")
  func errorQueue() throws {
    ERR_clear_error()
    let token = try issuer.token(.rs256)
    let forged = try CompactJWS(token.dropLast(8) + "AAAAAAAA")
    #expect(throws: JWTError.invalidSignature) { try issuer.keySet.verify(forged) }
    _ = parse(Issuer.set([try json(.es256, ["x": [UInt8](repeating: 7, count: 32).base64URL])]))
    #expect(ERR_peek_error() == 0)
    // An error of someone else's: of libcrypto for a key type that does not exist.
    #expect(EVP_PKEY_CTX_new_from_name(nil, "no such type", nil) == nil)
    let error = ERR_peek_last_error()
    #expect(error != 0)
    #expect(throws: JWTError.invalidSignature) { try issuer.keySet.verify(forged) }
    #expect(ERR_peek_last_error() == error)
    ERR_clear_error()
  }
}
