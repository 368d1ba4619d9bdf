import Foundation
import JSON
import TestSupport
import Testing

@testable import JWT

/// The published vectors: RFC 7515, 7517 and 8037, and Project Wycheproof's (see Vectors/README.md).
@Suite(.ownThread)
struct VectorTests {
  // MARK: - RFCs

  private static let a2Key = """
    {"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-y\
    RT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa\
    2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54\
    h4FRWyuXpoQ","e":"AQAB"}
    """
  private static let a2Token = """
    eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ\
    cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e\
    OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw
    """
  private static let a3Key = """
    {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",\
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
    """
  private static let a3Token = """
    eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q
    """
  private static let ed25519Key = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
  private static let ed25519Token = """
    eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
    hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg
    """

  @Test(
    "The tokens of RFC 7515 A.2, A.3 and RFC 8037 A.4 verify, and only by their own keys",
    arguments: [(a2Key, a2Token), (a3Key, a3Token), (ed25519Key, ed25519Token)])
  func rfcTokens(key: String, token: String) throws {
    let jws = try CompactJWS(token)
    try JWKSet(parsing: Issuer.set([key])).verify(jws)
    try JWKSet(parsing: Issuer.set([Self.a2Key, Self.a3Key, Self.ed25519Key])).verify(jws)
    for other in [Self.a2Key, Self.a3Key, Self.ed25519Key] where other != key {
      #expect(throws: JWTError.unknownKey) { try JWKSet(parsing: Issuer.set([other])).verify(jws) }
    }
  }

  @Test("The key set of RFC 7517 A.1 has one key for signatures and one for encryption")
  func rfc7517() throws {
    let ec = """
      {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
       "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}
      """
    let rsa = """
      {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
      jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0\
      zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kE\
      gU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}
      """
    let set = try JWKSet(parsing: Issuer.set([ec, rsa]))
    #expect(set.count == 1)
    #expect(set.ignoredKeys == [.invalidKey("its use is not sig")])
    #expect(try JWKSet(parsing: Issuer.set([ec.replacing("enc", with: "sig"), rsa])).count == 2)
  }

  // MARK: - Project Wycheproof

  private static func vectors(_ file: String) throws -> [[String: Any]] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors")
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appendingPathComponent(file)))
    return try #require(json as? [[String: Any]])
  }

  @Test("Wycheproof's raw signatures are judged as its authors do, by the key's own algorithm and by no other")
  func wycheproofSignatures() throws {
    var counts: [Bool: Int] = [:]
    for group in try Self.vectors("signatures.json") {
      let algorithm = try #require((group["algorithm"] as? String).flatMap(JWSAlgorithm.init(rawValue:)))
      let members = try JSONValue(parsing: Array(JSONSerialization.data(withJSONObject: try #require(group["key"]))))
      let jwk = try JWK(try #require(members.object))
      for case let test as [Any] in try #require(group["tests"] as? [Any]) {
        let isValid = try #require(test[1] as? Bool)
        let message = try #require((test[2] as? String).flatMap { Base64.url.decode($0.utf8) })
        let signature = try #require((test[3] as? String).flatMap { Base64.url.decode($0.utf8) })
        let result = try jwk.key.isValid(signature: signature, of: message, by: algorithm)
        #expect(result == isValid, "\(algorithm) \(test[0])")
        counts[result, default: 0] += 1
        // "EdDSA" and "Ed25519" are two names of one algorithm.
        for other in jwk.algorithms where isValid && other != algorithm && algorithm != .edDSA {
          #expect(try !jwk.key.isValid(signature: signature, of: message, by: other), "\(other) \(test[0])")
        }
      }
    }
    #expect(counts == [true: 538, false: 405])
  }

  /// Valid vectors that are refused on purpose: the algorithms PS384, PS512 and ES512 are not supported, which leaves no
  /// key; and two groups sign by PS384 with a key whose `alg` is PS256.
  private static let refusedOnPurpose = ["ps384", "ps512", "rfc7520", "rfc7520WithKeyOps"]

  @Test("Wycheproof's tokens have the documented results, or are refused if the algorithm is not supported")
  func wycheproofTokens() throws {
    var accepted = 0
    for group in try Self.vectors("jws.json") {
      let comment = try #require(group["comment"] as? String)
      let keys = Array(try JSONSerialization.data(withJSONObject: try #require(group["set"])))
      for case let test as [Any] in try #require(group["tests"] as? [Any]) {
        let isValid = try #require(test[1] as? Bool)
        let token = try #require(test[2] as? String)
        let result = Result { () throws(JWTError) in try JWKSet(parsing: keys).verify(CompactJWS(token)) }
        if case .success = result { accepted += 1 }
        if isValid, result.error != nil, Self.refusedOnPurpose.contains(comment) { continue }
        #expect((result.error == nil) == isValid, "\(comment) \(test[0]) \(String(describing: result.error))")
      }
    }
    // Of 37 valid ones, 12 are refused on purpose.
    #expect(accepted == 25)
  }
}
