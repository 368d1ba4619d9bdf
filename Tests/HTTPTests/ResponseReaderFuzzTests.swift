import TestServers
import Testing

@testable import HTTP

/// Mutated responses: no bytes trap, and the pieces in which they arrive make no difference.
struct ResponseReaderFuzzTests {
  private static let seeds = [
    "HTTP/1.1 200 OK\nLambda-Runtime-Aws-Request-Id: 8476a536\nContent-Type: application/json\nContent-Length: 7\n\n{\"a\":1}",
    "HTTP/1.1 202 Accepted\nContent-Length: 0\nConnection: keep-alive\n\n",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5;x=y\nhello\n006\n world\n0\nX-A: trailer\n\n",
    "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: a\n\nHTTP/1.0 500 No\nX-A: 1\n folded\n\nuntil the end",
    "HTTP/1.1 204 No Content\nX-B:\t b \n\n",
  ].map { Array($0.replacing("\n", with: "\r\n").utf8) }

  private static let tokens = [
    "\r\n", "\r", "\n", "\r\n\r\n", "\0", " ", "\t", ":", ";", ",", "0", "1", "f", "ffffffffffffffff", "-1",
    "HTTP/1.1 ",
    "HTTP/1.1 200 OK\r\n", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n",
    "chunked",
    "99999999999999999999", "0\r\n\r\n", "\u{FF}", String(repeating: "x", count: 1500),
  ].map { Array($0.utf8) }

  private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    func index(_ random: inout SplitMix64) -> Int { Int.random(in: 0...bytes.count, using: &random) }
    let (a, b) = (index(&random), index(&random))
    let range = min(a, b)..<max(a, b)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: if a < bytes.count { bytes[a] = UInt8.random(in: 0...255, using: &random) }
    case 1: bytes.removeSubrange(range.prefix(8))
    case 2: bytes.insert(contentsOf: bytes[range.prefix(40)], at: a)
    case 3: bytes.insert(contentsOf: tokens.randomElement(using: &random) ?? [], at: a)
    case 4: bytes.replaceSubrange(range.prefix(4), with: tokens.randomElement(using: &random) ?? [])
    default: bytes.removeSubrange(a...)
    }
  }

  @Test("20,000 mutated responses give the same outcome in any pieces", arguments: [1, 2] as [UInt64])
  func pieces(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var outcomes: [String: Int] = [:]
    for round in 0..<20_000 {
      var bytes = Self.seeds.randomElement(using: &random) ?? []
      for _ in 0..<Int.random(in: 0...4, using: &random) { Self.mutate(&bytes, &random) }
      let maximum = [3, 20, 65_536].randomElement(using: &random) ?? 0
      let method: HTTPMethod = Int.random(in: 0..<8, using: &random) == 0 ? "HEAD" : .get
      let whole = ResponseReaderTests.outcome(bytes, method: method, maximum: maximum)
      let largest = [1, 5, 100].randomElement(using: &random) ?? 1
      let split = ResponseReaderTests.outcome(bytes, method: method, maximum: maximum) {
        Int.random(in: 1...largest, using: &random)
      }
      guard whole == split else {
        Issue.record(
          "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription): \(whole), \(split)"
        )
        return
      }
      switch whole {
      case .response(let response, _, _):
        outcomes["response", default: 0] += 1
        #expect(response.body.count <= maximum)
      case .failure(let failure): outcomes[failure.reason.rawValue, default: 0] += 1
      }
    }
    // Each outcome is frequent, so the mutations are neither too weak nor too strong.
    for reason in ["response", "invalid response", "connection lost", "response too large"] {
      #expect(outcomes[reason, default: 0] > 1000, "\(outcomes)")
    }
  }
}
