import JSON
import JWTTestSupport
import TestSupport
import Testing

@testable import JWT

/// Keys that are used, and keys that are refused (RFC 7517, 7518 §6, 8037 §2).
@Suite(.ownThread)
struct JWKTests {
  private let issuer: Issuer

  init() throws { issuer = try #require(Issuer.shared) }

  private func key(_ algorithm: JWSAlgorithm) throws -> SigningKey { try #require(issuer.keys[algorithm]) }

  private func parse(_ json: String) -> Result<JWK, JWTError> {
    guard let members = (try? JSONValue(parsing: Array(json.utf8)))?.object else { return .failure(.unknownKey) }
    return Result { () throws(JWTError) in try JWK(members) }
  }

  @Test("The type and curve decide the algorithms; `alg` narrows them to one")
  func algorithms() throws {
    let families: [JWSAlgorithm: [JWSAlgorithm]] = [
      .rs256: [.rs256, .rs384, .rs512, .ps256], .es256: [.es256], .es384: [.es384], .edDSA: [.edDSA, .ed25519],
    ]
    for (algorithm, family) in families {
      #expect(try parse(key(algorithm).json()).get().algorithms == family)
      for name in JWSAlgorithm.allCases {
        let result = parse(try key(algorithm).json(["alg": name.rawValue]))
        if family.contains(name) {
          #expect(try result.get().algorithms == [name])
        } else {
          #expect(result.error == .invalidKey("its alg is not supported or does not fit its kty and crv"))
        }
      }
    }
  }

  @Test(
    "An `alg` for other uses, or one that is not supported, is refused",
    arguments: ["none", "HS256", "RSA-OAEP", "RSA1_5", "PS512", "ES512", "ES256K", "rs256", ""])
  func foreignAlgorithm(name: String) throws {
    for algorithm in [JWSAlgorithm.rs256, .es256, .edDSA] {
      let result = parse(try key(algorithm).json(["alg": name]))
      #expect(result.error == .invalidKey("its alg is not supported or does not fit its kty and crv"))
    }
  }

  @Test("`use` is `sig` or missing; `key_ops` has `verify` or is missing")
  func purpose() throws {
    let json = try key(.es256).json()
    func with(_ members: String) -> JWTError? { parse(json.dropLast() + ",\(members)}").error }
    #expect(with(#""use":"sig""#) == nil)
    #expect(with(#""key_ops":["verify"]"#) == nil)
    #expect(with(#""key_ops":["sign","verify"],"use":"sig""#) == nil)
    #expect(with(#""use":"enc""#) == .invalidKey("its use is not sig"))
    #expect(with(#""use":"SIG""#) == .invalidKey("its use is not sig"))
    #expect(with(#""use":["sig"]"#) == .invalidKey("use is not a string"))
    #expect(with(#""use":null"#) == .invalidKey("use is not a string"))
    #expect(with(#""use":"enc","key_ops":["verify"]"#) == .invalidKey("its use is not sig"))
    for operations in [#"["sign"]"#, #"["encrypt","wrapKey"]"#, "[]", #"["Verify"]"#] {
      #expect(with(#""key_ops":\#(operations)"#) == .invalidKey("its key_ops have no verify"))
    }
    for operations in [#""verify""#, "{}", "null", "[1]", #"["verify","verify"]"#, #"["verify",null]"#] {
      #expect(with(#""key_ops":\#(operations)"#) == .invalidKey("key_ops is not a list of different strings"))
    }
    #expect(with(#""kid":7"#) == .invalidKey("kid is not a string"))
    #expect(with(#""alg":7"#) == .invalidKey("alg is not a string"))
  }

  @Test("A private key is refused")
  func privateKey() throws {
    for algorithm in [JWSAlgorithm.rs256, .es256, .edDSA] {
      #expect(parse(try key(algorithm).json(["d": "AAAA"])).error == .invalidKey("it is a private key"))
    }
  }

  @Test(
    "Types and curves without a supported algorithm are refused",
    arguments: [
      #"{}"#, #"{"kty":"oct","k":"AAAA","alg":"HS256"}"#, #"{"kty":"rsa"}"#, #"{"kty":7}"#, #"{"kty":"EC"}"#,
      #"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#, #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
      #"{"kty":"EC","crv":"Ed25519","x":"AA"}"#, #"{"kty":"EC","crv":"p-256","x":"AA","y":"AA"}"#,
      #"{"kty":"OKP","crv":"X25519","x":"AA"}"#, #"{"kty":"OKP","crv":"Ed448","x":"AA"}"#,
      #"{"kty":"OKP","crv":"P-256","x":"AA","y":"AA"}"#,
    ])
  func foreignTypes(json: String) {
    #expect(parse(json).error == .invalidKey("its kty and crv are not those of a supported algorithm"))
  }

  @Test("A point that is not on its curve, has the wrong length or is missing is refused")
  func points() throws {
    let p256 = try key(.es256)
    let p384 = try key(.es384)
    let x = try #require(p256.jwk["x"])
    let y = try #require(p256.jwk["y"])
    let zero = [UInt8](repeating: 0, count: 32).base64URL
    // p itself and p + 1 instead of 0 and 1.
    let prime = "_____wAAAAEAAAAAAAAAAAAAAAD_______________8"
    for (x, y) in [(y, x), (x, x), (zero, zero), (x, zero), (prime, y), (x, prime)] {
      #expect(parse(p256.json(["x": x, "y": y])).error == .invalidKey("libcrypto refused the key"))
    }
    #expect(
      parse(p256.json(["x": p384.jwk["x"], "y": p384.jwk["y"]])).error
        == .invalidKey("a coordinate has the wrong length"))
    #expect(parse(p256.json(["crv": "P-384"])).error == .invalidKey("a coordinate has the wrong length"))
    let bytes = try #require(Base64.url.decode(x.utf8))
    let short = Array(bytes.dropLast()).base64URL
    let long = ([0] + bytes).base64URL
    for value in ["", short, long] {
      #expect(parse(p256.json(["x": value])).error == .invalidKey("a coordinate has the wrong length"))
    }
    #expect(parse(p256.json(["x": nil])).error == .invalidKey("x is missing or not base64url"))
    #expect(parse(p256.json(["y": nil])).error == .invalidKey("y is missing or not base64url"))
    #expect(parse(p256.json(["y": y + "="])).error == .invalidKey("y is missing or not base64url"))
  }

  @Test("RSA keys have 2,048 to 8,192 bits, an odd modulus, and an odd exponent from 3 to 64 bits")
  func rsa() throws {
    let size = JWTError.invalidKey("RSA keys have 2048 to 8192 bits")
    #expect(parse(try SigningKey(.rs256, rsaBits: 1024).json()).error == size)
    #expect(parse(try SigningKey(.rs256, rsaBits: 2047).json()).error == size)
    #expect(parse(try SigningKey(.rs256, rsaBits: 3072).json()).error == nil)
    let rsa = try key(.rs256)
    let text = try #require(rsa.jwk["n"])
    let modulus = try #require(Base64.url.decode(text.utf8))
    #expect(parse(rsa.json(["n": (modulus + [UInt8](repeating: 1, count: 769)).base64URL])).error == size)
    #expect(parse(rsa.json(["n": ""])).error == size)
    // Some issuers send a leading zero, which does not count.
    #expect(parse(rsa.json(["n": ([0] + modulus).base64URL])).error == nil)
    #expect(parse(rsa.json(["n": ([UInt8](repeating: 0, count: 128) + modulus.suffix(128)).base64URL])).error == size)
    #expect(
      parse(rsa.json(["n": (modulus.dropLast() + [0x10]).base64URL])).error
        == .invalidKey("the RSA modulus is even"))
    for exponent in [[], [0], [1], [2], [0, 1], [1, 0, 0]] as [[UInt8]] {
      #expect(
        parse(rsa.json(["e": exponent.base64URL])).error == .invalidKey("the RSA exponent is even or below 3"))
    }
    #expect(
      parse(rsa.json(["e": [UInt8](repeating: 1, count: 9).base64URL])).error
        == .invalidKey("the RSA exponent has more than 64 bits"))
    #expect(parse(rsa.json(["e": "Aw"])).error == nil)
    #expect(parse(rsa.json(["e": nil])).error == .invalidKey("e is missing or not base64url"))
    #expect(parse(rsa.json(["n": nil])).error == .invalidKey("n is missing or not base64url"))
  }

  @Test("Ed25519 keys have 32 bytes in canonical form, and no small order")
  func ed25519() throws {
    let okp = try key(.edDSA)
    let length = JWTError.invalidKey("x has the wrong length")
    for count in [0, 31, 33, 57] {
      #expect(parse(okp.json(["x": [UInt8](repeating: 1, count: count).base64URL])).error == length)
    }
    #expect(parse(okp.json(["x": nil])).error == .invalidKey("x is missing or not base64url"))
    let unfit = JWTError.invalidKey("the point is of small order, or not canonical")
    let ones = [UInt8](repeating: 0xFF, count: 30)
    // 2^255 - 19 and above encode small numbers a second time.
    for key in [[0xED] + ones + [0x7F], [0xEE] + ones + [0x7F], [0xFF] + ones + [0xFF], [0xED] + ones + [0xFF]] {
      #expect(parse(okp.json(["x": key.base64URL])).error == unfit)
    }
    for key in SmallOrderKeys.all { #expect(parse(okp.json(["x": key.base64URL])).error == unfit) }
  }
}
