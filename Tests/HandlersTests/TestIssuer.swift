import AWS
import Foundation
import HTTP
import JWT
import JWTTestSupport
import Synchronization

@testable import Handlers

/// An issuer in memory: a transport that answers as its web server, and tokens of its key.
final class TestIssuer: HTTPTransport {
  static let address = "https://issuer.example/pool"
  /// Made once: `openssl` takes its time.
  static let key = try? SigningKey(.edDSA)

  private let documents: Mutex<[String: (status: Int, body: String)]>
  private let fetched = Mutex<[String]>([])

  init() {
    let keys = #"{"keys":[\#(Self.key?.json(["kid": "1", "alg": "EdDSA"]) ?? "")]}"#
    let discovery = #"{"issuer":"\#(Self.address)","jwks_uri":"https://keys.example/set","x":[]}"#
    documents = Mutex([
      "https://issuer.example/pool/.well-known/openid-configuration": (200, discovery),
      "https://keys.example/set": (200, keys),
    ])
  }

  /// The addresses that were fetched, in order.
  var requests: [String] { fetched.withLock { $0 } }

  func answer(_ address: String, _ status: Int, _ body: String = "") {
    documents.withLock { $0[address] = (status, body) }
  }

  func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    let address = "\(request.scheme)://\(request.authority)\(request.path)"
    fetched.withLock { $0.append(address) }
    guard let document = documents.withLock({ $0[address] }) else { return HTTPResponse(status: 404, body: []) }
    return HTTPResponse(status: document.status, body: Array(document.body.utf8))
  }

  /// The sign-in by this issuer's tokens.
  func signIn(_ settings: [String: String] = [:]) throws -> SignIn {
    let environment = ["TOKEN_ISSUER": Self.address, "TOKEN_AUDIENCE": "chat"].merging(settings) { $1 }
    guard let configuration = try TokenConfiguration(Environment(environment)) else { throw NoKey() }
    return configuration.signIn(self)
  }

  /// A token that is valid for an hour.
  ///
  /// - Parameter changes: JSON by name for claims to set; `nil` removes one.
  static func token(_ changes: [String: String?] = [:]) throws -> String {
    let now = Int(Date().timeIntervalSince1970)
    var claims = ["iss": "\"\(address)\"", "aud": #""chat""#, "sub": #""person-1""#, "exp": "\(now + 3600)"]
    for (name, value) in changes { claims[name] = value }
    guard let key else { throw NoKey() }
    return try key.token(
      header: #"{"alg":"EdDSA","kid":"1"}"#,
      payload: "{" + claims.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}")
  }

  private struct NoKey: Error {}
}
