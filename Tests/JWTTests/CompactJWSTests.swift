import JWTTestSupport
import Testing

@testable import JWT

/// Parsing tokens: the form of RFC 7515 §7.1, and the header.
@Suite struct CompactJWSTests {
  private func parse(header: String, payload: String = "{}", signature: String = "AA") throws(JWTError) -> CompactJWS {
    try CompactJWS("\(Array(header.utf8).base64URL).\(Array(payload.utf8).base64URL).\(signature)")
  }

  private func error(_ body: () throws(JWTError) -> Void) -> JWTError? {
    Result { () throws(JWTError) in try body() }.error
  }

  @Test("A token is split into its decoded parts; the signing input is what was sent")
  func parts() throws {
    let token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJhIjoxfQ.AAEC"
    let jws = try CompactJWS(token)
    #expect(jws.algorithm == .edDSA)
    #expect(jws.keyID == "k")
    #expect(jws.type == "JWT")
    #expect(jws.signingInput == Array(token.utf8.dropLast(5)))
    #expect(jws.payload == Array(#"{"a":1}"#.utf8))
    #expect(jws.signature == [0, 1, 2])
  }

  @Test("The name of every algorithm is recognized", arguments: JWSAlgorithm.allCases)
  func algorithms(algorithm: JWSAlgorithm) throws {
    #expect(try parse(header: #"{"alg":"\#(algorithm.rawValue)"}"#).algorithm == algorithm)
  }

  @Test(
    "A token without exactly three parts is refused",
    arguments: ["", ".", "e30", "e30.e30", "e30.e30.AA.", "e30.e30.AA.AA", ".e30.AA.", "....", #"{"payload":"e30"}"#])
  func wrongPartCount(token: String) {
    #expect(error { () throws(JWTError) in _ = try CompactJWS(token) } == .malformed(.token))
  }

  @Test("8,192 bytes are accepted, 8,193 are not")
  func size() throws {
    let header = Array(#"{"alg":"ES256"}"#.utf8).base64URL
    let most = "\(header).e30." + String(repeating: "A", count: 8192 - header.count - 5)
    #expect(try CompactJWS(most).signature.count > 6000)
    #expect(error { () throws(JWTError) in _ = try CompactJWS(most + "A") } == .tooLarge)
    #expect(error { () throws(JWTError) in _ = try CompactJWS(String(repeating: "é", count: 5000)) } == .tooLarge)
  }

  @Test(
    "A part that is not strict base64url is refused",
    arguments: [
      "AA=", "AA==", "A", "AAAAA", "A A", " AA", "AA ", "AA\n", "\tAA", "A+", "A/", "AB", "AAF", "ÄA", "A\u{0}",
      "AA\u{FEFF}",
      "A%3D",
    ])
  func base64(part: String) {
    let header = Array(#"{"alg":"ES256"}"#.utf8).base64URL
    #expect(error { () throws(JWTError) in _ = try CompactJWS("\(part).e30.AA") } == .malformed(.header))
    #expect(error { () throws(JWTError) in _ = try CompactJWS("\(header).\(part).AA") } == .malformed(.payload))
    #expect(error { () throws(JWTError) in _ = try CompactJWS("\(header).e30.\(part)") } == .malformed(.signature))
  }

  @Test("Empty header and signature are refused")
  func emptyParts() {
    #expect(error { () throws(JWTError) in _ = try CompactJWS(".e30.AA") } == .malformed(.header))
    #expect(
      error { () throws(JWTError) in _ = try parse(header: #"{"alg":"ES256"}"#, signature: "") }
        == .malformed(.signature))
  }

  @Test(
    "A header that is not a strict JSON object is refused",
    arguments: [
      "", "null", "[]", #""alg""#, "{", #"{"alg":"ES256"} x"#, #"{"alg":"ES256",}"#, #"{alg:"ES256"}"#, "{}",
      #"{"Alg":"ES256"}"#, #"{"alg":null}"#, #"{"alg":["ES256"]}"#, #"{"alg":256}"#,
      // Repeated names, one spelled with an escape, one inside an object.
      #"{"alg":"ES256","alg":"ES256"}"#, #"{"alg":"ES256","\u0061lg":"none"}"#,
      #"{"alg":"ES256","jwk":{"kty":"EC","kty":"RSA"}}"#,
      #"{"alg":"ES256","kid":1}"#, #"{"alg":"ES256","kid":null}"#, #"{"alg":"ES256","typ":{}}"#,
      #"{"alg":"ES256","x":"\ud800"}"#, #"{"alg":"ES256","x":1e999}"#, "\u{FEFF}{\"alg\":\"ES256\"}",
      #"{"alg":"ES256","x":"# + String(repeating: "[", count: 33) + String(repeating: "]", count: 33) + "}",
    ])
  func header(text: String) {
    #expect(error { () throws(JWTError) in _ = try parse(header: text) } == .malformed(.header))
  }

  @Test("A header that is not UTF-8 is refused")
  func headerNotUTF8() {
    let header = Array(#"{"alg":"ES256","x":""#.utf8) + [0xFF] + Array(#""}"#.utf8)
    #expect(
      error { () throws(JWTError) in _ = try CompactJWS("\(header.base64URL).e30.AA") } == .malformed(.header))
  }

  @Test(
    "`none`, symmetric, encryption and unknown algorithms are refused, in any case of letters",
    arguments: [
      "none", "None", "NONE", "", "HS256", "HS384", "HS512", "hs256", "es256", "rs256", "ES512", "ES256K", "PS384",
      "PS512",
      "RSA-OAEP", "dir", "A128KW", "Ed448", "EDDSA", "RS256 ", "RS1", #"RS256\u0000"#,
    ])
  func unsupportedAlgorithms(name: String) {
    #expect(error { () throws(JWTError) in _ = try parse(header: #"{"alg":"\#(name)"}"#) } == .unsupportedAlgorithm)
  }

  @Test("Any `crit` is refused", arguments: ["[]", #"["exp"]"#, #"["b64"]"#, "null", #""x""#, #"["kid"]"#])
  func critical(value: String) {
    let header = #"{"alg":"ES256","kid":"k","exp":1,"crit":\#(value)}"#
    #expect(error { () throws(JWTError) in _ = try parse(header: header) } == .unsupportedExtension)
  }

  @Test("Any `b64` is refused", arguments: ["true", "false", "null"])
  func unencodedPayload(value: String) {
    let header = #"{"alg":"ES256","b64":\#(value)}"#
    #expect(error { () throws(JWTError) in _ = try parse(header: header) } == .unencodedPayload)
  }

  @Test("Keys, certificates and URLs in the header are ignored")
  func foreignKeys() throws {
    let header = #"{"alg":"ES256","jku":"https://x","x5u":"https://x","x5c":[],"jwk":{"kty":"EC"},"x5t":"AA"}"#
    #expect(try parse(header: header).keyID == nil)
  }
}
