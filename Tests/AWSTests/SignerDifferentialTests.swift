import Foundation
import HTTP
import Testing

@testable import AWS

/// Comparison with botocore's signer for random requests.
///
/// `signer_vectors.py FILE` writes the requests and botocore's signatures; scripts/test runs it. Queries are in canonical
/// encoding: botocore signs a URL's query unchanged, while this signer, like the services, decodes and encodes it.
@Suite struct SignerDifferentialTests {
  static let path = ProcessInfo.processInfo.environment["SIGNER_VECTORS"]

  private struct Vector: Decodable {
    let seed: String
    let method: String
    let url: String
    let headers: [[String]]
    let body: Data
    let date: Int
    let region: String
    let service: String
    let accessKeyID: String
    let secretAccessKey: String
    let sessionToken: String?
    let canonicalRequest: String
    let authorization: String
  }

  @Test(
    "Signatures equal botocore's",
    .enabled(if: path != nil, "SIGNER_VECTORS names no file of signer_vectors.py; scripts/test makes one"))
  func botocore() throws {
    let lines = try String(contentsOfFile: try #require(Self.path), encoding: .utf8).split(separator: "\n")
    #expect(lines.count >= 5000, "fewer requests than were asked for")
    var failures = 0
    for line in lines where failures < 10 {
      let vector = try JSONDecoder().decode(Vector.self, from: Data(line.utf8))
      let (canonicalRequest, authorization) = try sign(vector)
      if canonicalRequest == vector.canonicalRequest, authorization == vector.authorization { continue }
      failures += 1
      Issue.record(
        """
        seed \(vector.seed): \(vector.method) \(vector.url)
        botocore's canonical request:
        \(vector.canonicalRequest)
        ours:
        \(canonicalRequest)
        botocore: \(vector.authorization)
        ours:     \(authorization ?? "none")
        """)
    }
  }

  private func sign(_ vector: Vector) throws -> (canonicalRequest: String, authorization: String?) {
    let credentials = Credentials(
      accessKeyID: vector.accessKeyID, secretAccessKey: vector.secretAccessKey, sessionToken: vector.sessionToken)
    let signer = Signer(credentials: credentials, region: vector.region, service: vector.service)
    let target = try #require(TargetURI(absoluteHTTP: vector.url), "seed \(vector.seed): \(vector.url)")
    var request = HTTPRequest(method: HTTPMethod(rawValue: vector.method), target: target, body: [UInt8](vector.body))
    for field in vector.headers { request.headers.add(name: field[0], value: field[1]) }
    let signed = signer.sign(request, at: Date(timeIntervalSince1970: TimeInterval(vector.date)))
    return (signer.canonicalRequest(signed), signed.headers["Authorization"])
  }
}
