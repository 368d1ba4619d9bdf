import JWTTestSupport
import TestSupport
import Testing

@testable import JWT

/// The claims that a policy asks for, on tokens with right signatures.
@Suite(.ownThread)
struct TokenPolicyTests {
  private let issuer: Issuer

  init() throws { issuer = try #require(Issuer.shared) }

  /// The error for a payload with changed claims.
  private func error(
    _ changes: [String: String?], policy: TokenPolicy? = nil, now: NumericDate = Issuer.now
  ) throws -> JWTError? {
    issuer.judge(try issuer.token(payload: Issuer.payload(changes)), policy: policy, now: now).error
  }

  private func with(_ change: (inout TokenPolicy) -> Void) -> TokenPolicy {
    var policy = issuer.policy
    change(&policy)
    return policy
  }

  @Test(
    "Tokens of every algorithm are accepted, and only those that the policy lists", arguments: JWSAlgorithm.allCases)
  func algorithms(algorithm: JWSAlgorithm) throws {
    let token = try issuer.token(algorithm)
    #expect(try issuer.judge(token).get().subject == "person-1")
    #expect(issuer.judge(token, policy: with { $0.algorithms.remove(algorithm) }).error == .unsupportedAlgorithm)
  }

  @Test("The claims of an accepted token can be read, those without a property too")
  func claims() throws {
    let payload =
      Issuer.payload(["name": #""Ada é""#, "rooms": #"["a:read","b"]"#, "exp": "1764003600.5", "aud": nil])
      .dropLast() + #","aud":["x","chat"],"nested":{"a":[null,true,1.5]}}"#
    let claims = try issuer.judge(try issuer.token(payload: String(payload))).get()
    #expect(claims.issuer == "https://issuer.example/pool")
    #expect(claims.subject == "person-1")
    #expect(claims.audiences == ["x", "chat"])
    #expect(claims.expirationTime == NumericDate(secondsSince1970: 1_764_003_600.5))
    #expect(claims.notBefore == Issuer.now)
    #expect(claims.issuedAt == Issuer.now)
    #expect(claims["name"]?.string == "Ada é")
    #expect(claims["rooms"]?.strings == ["a:read", "b"])
    #expect(claims["nested"] == .object(["a": .array([.null, .bool(true), .number(1.5)])]))
    #expect(claims["nested"]?.object?["a"]?.array?.count == 3)
    #expect(claims["nested"]?.strings == nil)
    #expect(claims["missing"] == nil)
  }

  @Test(
    "A payload that is not a strict JSON object is refused",
    arguments: [
      "", "null", "[]", #""a""#, "{", "{} {}", #"{"sub":"a","sub":"a"}"#, #"{"sub":"\udc00"}"#, "{\"sub\":\"\u{1}\"}",
      #"{"exp":1e999}"#, #"{"exp":01}"#, #"{'sub':'a'}"#,
    ])
  func payload(text: String) throws {
    #expect(issuer.judge(try issuer.token(payload: text)).error == .malformed(.payload))
  }

  @Test("`iss` is compared byte by byte")
  func issuerClaim() throws {
    for value in [
      "https://issuer.example/pool/", "https://issuer.example/", "HTTPS://issuer.example/pool", "", " ",
      "https://issuer.example/pool ", "https://issuer.example/p\u{6F}\u{301}ol",
    ] {
      #expect(try error(["iss": "\"\(value)\""]) == .wrongIssuer)
    }
    #expect(try error(["iss": nil]) == .missingClaim(.issuer))
    for value in ["null", "7", #"["https://issuer.example/pool"]"#] {
      #expect(try error(["iss": value]) == .malformedClaim(.issuer))
    }
    let composed = with { $0.issuer = "https://\u{E9}" }
    #expect(try error(["iss": "\"https://e\u{301}\""], policy: composed) == .wrongIssuer)
    #expect(try error(["iss": "\"https://\u{E9}\""], policy: composed) == nil)
    #expect(try error(["iss": #""https:\/\/\u00e9""#], policy: composed) == nil)
  }

  @Test("`aud` is or holds one of the audiences")
  func audience() throws {
    for value in [#""chat""#, #""chat-admin""#, #"["chat"]"#, #"["x","chat-admin","y"]"#] {
      #expect(try error(["aud": value]) == nil)
    }
    for value in [
      #""Chat""#, #""chat ""#, #""cha""#, #""""#, "[]", #"["x"]"#, #"["chat,chat-admin"]"#, #"[["chat"]"# + "]",
    ] {
      let expected: JWTError = value.hasPrefix("[[") ? .malformedClaim(.audience) : .wrongAudience
      #expect(try error(["aud": value]) == expected)
    }
    for value in ["null", "7", "{}", #"{"chat":1}"#, #"["chat",7]"#, "true"] {
      #expect(try error(["aud": value]) == .malformedClaim(.audience))
    }
    #expect(try error(["aud": nil]) == .missingClaim(.audience))
    #expect(try error([:], policy: with { $0.audiences = [] }) == .wrongAudience)
  }

  @Test("`client_id` replaces a missing `aud` if the policy accepts it, but never a wrong one")
  func clientID() throws {
    let policy = with { $0.acceptsClientID = true }
    #expect(try error(["aud": nil, "client_id": #""chat""#]) == .missingClaim(.audience))
    #expect(try error(["aud": nil, "client_id": #""chat""#], policy: policy) == nil)
    #expect(try error(["aud": nil, "client_id": #""x""#], policy: policy) == .wrongAudience)
    #expect(try error(["aud": nil, "client_id": #"["chat"]"#], policy: policy) == .malformedClaim(.clientID))
    #expect(try error(["aud": nil], policy: policy) == .missingClaim(.clientID))
    #expect(try error(["aud": #""x""#, "client_id": #""chat""#], policy: policy) == .wrongAudience)
    #expect(try error(["aud": "null", "client_id": #""chat""#], policy: policy) == .malformedClaim(.audience))
    #expect(try error([:], policy: policy) == nil)
  }

  @Test("`token_use` is the configured one")
  func tokenUse() throws {
    let policy = with { $0.tokenUse = .access }
    #expect(try error(["token_use": #""access""#], policy: policy) == nil)
    #expect(try error(["token_use": #""id""#], policy: with { $0.tokenUse = .id }) == nil)
    #expect(try error(["token_use": #""id""#], policy: policy) == .wrongTokenUse)
    #expect(try error(["token_use": #""Access""#], policy: policy) == .wrongTokenUse)
    #expect(try error(["token_use": #"["access"]"#], policy: policy) == .malformedClaim(.tokenUse))
    #expect(try error([:], policy: policy) == .missingClaim(.tokenUse))
    #expect(try error(["token_use": #""id""#]) == nil)
  }

  @Test("`exp` is required, and tokens are accepted until 60 s after it")
  func expiration() throws {
    #expect(try error(["exp": nil]) == .missingClaim(.expirationTime))
    #expect(try error(["exp": "1763999941"]) == nil)
    #expect(try error(["exp": "1763999940.5"]) == nil)
    #expect(try error(["exp": "1763999940"]) == .expired)
    #expect(try error(["exp": "0"]) == .expired)
    #expect(try error(["exp": "253402300799"]) == nil)
    #expect(try error(["exp": "1.7640036e9"]) == nil)
  }

  @Test("`nbf` and `iat` may be up to 60 s in the future, or missing")
  func future() throws {
    for (claim, expected) in [("nbf", JWTError.notYetValid), ("iat", .issuedInFuture)] {
      #expect(try error([claim: "1764000060"]) == nil)
      #expect(try error([claim: "1764000060.5"]) == expected)
      #expect(try error([claim: "1764000061"]) == expected)
      #expect(try error([claim: "0"]) == nil)
      #expect(try error([claim: nil]) == nil)
    }
  }

  @Test(
    "Times are numbers of the years 1970 to 9999",
    arguments: [
      "null", #""1764003600""#, "true", "[]", "{}", "-1", "-0.001", "253402300800", "1764003600000", "1e308",
      "[1764003600]",
    ])
  func times(value: String) throws {
    #expect(try error(["exp": value]) == .malformedClaim(.expirationTime))
    #expect(try error(["nbf": value]) == .malformedClaim(.notBefore))
    #expect(try error(["iat": value]) == .malformedClaim(.issuedAt))
  }

  @Test("A clock that is not a number accepts nothing", arguments: [Double.nan, .infinity, -.infinity])
  func clock(seconds: Double) throws {
    let now = NumericDate(secondsSince1970: seconds)
    #expect([.expired, .notYetValid].contains(try error([:], now: now)))
  }

  @Test("`sub` has 1 to 255 bytes and no control characters")
  func subject() throws {
    #expect(try error(["sub": nil]) == .missingClaim(.subject))
    for value in ["null", "7", "[]"] { #expect(try error(["sub": value]) == .malformedClaim(.subject)) }
    let most = String(repeating: "é", count: 127) + "x"
    #expect(try error(["sub": "\"\(most)\""]) == nil)
    for value in ["", most + "x", #"a\u0000"#, #"a\nb"#, #"\u0085"#, "a\u{7F}"] {
      #expect(try error(["sub": "\"\(value)\""]) == .malformedClaim(.subject))
    }
  }

  @Test(
    "`typ` is JWT or at+jwt, or missing",
    arguments: [
      ("JWT", nil), ("jwt", nil), ("application/jwt", nil), ("at+jwt", nil), ("AT+JWT", nil),
      ("application/at+jwt", nil),
      ("logout+jwt", .wrongType), ("dpop+jwt", .wrongType), ("secevent+jwt", .wrongType), ("JOSE", .wrongType),
      ("", .wrongType), ("JWT ", .wrongType), ("application/", .wrongType),
    ] as [(String, JWTError?)])
  func type(name: String, expected: JWTError?) throws {
    let key = try #require(issuer.keys[.edDSA])
    let token = try key.token(header: #"{"alg":"EdDSA","kid":"EdDSA","typ":"\#(name)"}"#, payload: Issuer.payload())
    #expect(issuer.judge(token).error == expected)
  }

  @Test("The signature is checked before the claims: a forged token reveals nothing about them")
  func order() throws {
    let token = try issuer.token(payload: "{}")
    #expect(issuer.judge(token).error == .missingClaim(.issuer))
    #expect(issuer.judge(String(token.dropLast(4)) + "AAAA").error == .invalidSignature)
  }

  @Test("Each part is bound by the signature")
  func swappedParts() throws {
    let one = try issuer.token(payload: Issuer.payload(["sub": #""a""#])).split(separator: ".")
    let other = try issuer.token(payload: Issuer.payload(["sub": #""b""#])).split(separator: ".")
    #expect(issuer.judge("\(one[0]).\(other[1]).\(one[2])").error == .invalidSignature)
    #expect(issuer.judge("\(one[0]).\(one[1]).\(other[2])").error == .invalidSignature)
  }

  @Test("An HS256 token is refused, though its `kid` names an RSA key")
  func symmetricConfusion() throws {
    let header = Array(#"{"alg":"HS256","kid":"RS256"}"#.utf8).base64URL
    let token = "\(header).\(Array(Issuer.payload().utf8).base64URL).\([UInt8](repeating: 1, count: 32).base64URL)"
    #expect(issuer.judge(token).error == .unsupportedAlgorithm)
  }

  @Test("Neither description nor reflection of claims and errors shows a claim")
  func descriptions() throws {
    let secret = "person-secret"
    let claims = try issuer.judge(try issuer.token(payload: Issuer.payload(["sub": "\"\(secret)\""]))).get()
    var dumped = ""
    dump(claims, to: &dumped)
    for text in ["\(claims)", String(reflecting: claims), dumped, "\([claims])", "\(Optional(claims) as Any)"] {
      #expect(!text.contains(secret))
    }
    for changes in [
      ["exp": "7\(secret.count)"], ["iss": "\"\(secret)\""], ["aud": "\"\(secret)\""], ["sub": "[\"\(secret)\"]"],
    ] {
      let error = try #require(try error(changes))
      #expect(!"\(error) \(String(reflecting: error))".contains(secret))
    }
  }
}
