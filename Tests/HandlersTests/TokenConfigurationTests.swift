import AWS
import Testing

@testable import Handlers

/// The settings of tokens.
@Suite struct TokenConfigurationTests {
  private func configuration(_ variables: [String: String]) throws(ConfigurationError) -> TokenConfiguration? {
    try TokenConfiguration(Environment(variables))
  }

  private let issuer = ["TOKEN_ISSUER": "https://issuer.example/pool", "TOKEN_AUDIENCE": "chat"]

  @Test("There is no sign-in if nothing is set")
  func none() throws {
    #expect(try configuration([:]) == nil)
    #expect(try configuration(["TOKEN_ISSUER": "", "TOKEN_AUDIENCE": ""]) == nil)
  }

  @Test("Issuer and audiences; the rest is optional")
  func complete() throws {
    let short = try #require(try configuration(issuer))
    #expect(short.issuer == "https://issuer.example/pool")
    #expect(short.audiences == ["chat"])
    #expect(short.keys == nil && short.use == nil && short.roomsClaim == nil)
    let full = try #require(
      try configuration(
        issuer.merging([
          "TOKEN_AUDIENCE": "a,b", "TOKEN_JWKS": "http://127.0.0.1:4566/keys", "TOKEN_USE": "access",
          "ROOMS_CLAIM": "custom:rooms",
        ]) { $1 }))
    #expect(full.audiences == ["a", "b"])
    #expect(full.keys?.text == "http://127.0.0.1:4566/keys")
    #expect(full.use == .access)
    #expect(full.roomsClaim == "custom:rooms")
  }

  @Test(
    "A part of the settings, and a malformed one, ends the start",
    arguments: [
      ("TOKEN_ISSUER", ""), ("TOKEN_AUDIENCE", ""), ("TOKEN_ISSUER", "issuer.example"),
      ("TOKEN_ISSUER", "http://a.example"),
      ("TOKEN_ISSUER", "https://a b"), ("TOKEN_ISSUER", "https://u:p@a.example"),
      ("TOKEN_ISSUER", "https://a.example/#f"),
      ("TOKEN_AUDIENCE", "a,,b"), ("TOKEN_AUDIENCE", ","), ("TOKEN_JWKS", "keys"), ("TOKEN_JWKS", "http://a.example/k"),
      ("TOKEN_USE", "refresh"), ("TOKEN_USE", "ID"), ("ROOMS_CLAIM", "rooms\n"),
    ])
  func malformed(name: String, value: String) {
    let error = #expect(throws: ConfigurationError.self) { try configuration(issuer.merging([name: value]) { $1 }) }
    #expect(error?.description.contains(name) == true)
  }
}
