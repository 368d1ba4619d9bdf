import JSON
import JWTTestSupport
import TestServers
import TestSupport
import Testing

@testable import JWT

/// 100,000 random changes of valid tokens, none of which may be accepted.
@Suite(.ownThread)
struct MutationTests {
  /// Fragments with a meaning in a token.
  private static let fragments = [
    ".", "=", "{", "}", "\"", ",", ":", "e30", "eyJhbGciOiJub25lIn0", "AA", " ", "\n", "é", "\u{0}", #""alg":"none""#,
    #","alg":"HS256""#, #","crit":[]"#, #","exp":9999999999"#, "1e999", #"\u0000"#, #"\ud800"#, "[[[[[[[[", "null",
  ].map { Array($0.utf8) }

  private static func mutate(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int.random(in: 0...2, using: &random) {
      guard !bytes.isEmpty else { return bytes }
      let index = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0...6, using: &random) {
      case 0: bytes[index] = UInt8.random(in: 0...127, using: &random)
      case 1: bytes[index] ^= 1 << UInt8.random(in: 0...6, using: &random)
      case 2: bytes.remove(at: index)
      case 3: bytes.insert(contentsOf: fragments.randomElement(using: &random) ?? [], at: index)
      case 4: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...8, using: &random)))
      case 5: bytes.swapAt(index, Int.random(in: 0..<bytes.count, using: &random))
      default: bytes.append(contentsOf: bytes[index..<min(bytes.count, index + 4)])
      }
    }
    return bytes
  }

  @Test(
    "100,000 mutated tokens are refused",
    arguments: [(JWSAlgorithm.es256, 40_000), (.edDSA, 40_000), (.rs256, 10_000), (.ps256, 10_000)])
  func mutations(algorithm: JWSAlgorithm, count: Int) throws {
    let issuer = try #require(Issuer.shared)
    let token = try issuer.token(algorithm)
    let parts = token.split(separator: ".").map { Array($0.utf8) }
    let decoded = parts.compactMap { Base64.url.decode($0) }
    var random = SplitMix64(seed: 16)
    var reasons: Set<String> = []
    for number in 0..<count {
      var mutant: String
      if number.isMultiple(of: 2) {
        // The token as text.
        mutant = String(decoding: Self.mutate(Array(token.utf8), &random), as: UTF8.self)
      } else {
        // One decoded part, so that the change gets past base64url.
        let part = Int.random(in: 0..<3, using: &random)
        mutant = decoded.indices.map { index in
          index == part ? Self.mutate(decoded[index], &random).base64URL : String(decoding: parts[index], as: UTF8.self)
        }.joined(separator: ".")
      }
      guard mutant != token else { continue }
      switch issuer.judge(mutant) {
      case .success: Issue.record("accepted: \(mutant)")
      case .failure(let error): reasons.insert("\(error)")
      }
    }
    // The mutations reach every stage before the claims.
    for error in [
      JWTError.malformed(.token), .malformed(.header), .unsupportedAlgorithm, .unknownKey, .invalidSignature,
    ] {
      #expect(reasons.contains("\(error)"))
    }
  }

  @Test("20,000 mutated key sets are parsed or refused, and never end the process")
  func keySets() throws {
    let issuer = try #require(Issuer.shared)
    let set = Issuer.set(
      [JWSAlgorithm.es256, .es384, .edDSA].compactMap { issuer.keys[$0]?.json(["kid": "k", "use": "sig"]) })
    var random = SplitMix64(seed: 17)
    var refused = 0
    for _ in 0..<20_000 where (try? JWKSet(parsing: Self.mutate(set, &random))) == nil { refused += 1 }
    #expect((1..<20_000).contains(refused))
  }
}
