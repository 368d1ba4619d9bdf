import HTTP
import Log
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The parts that signatures of one region and service share, kept from the last signature: a broadcast signs thousands of
/// posts a second, which differ in their path only.
final class SigningCache: Sendable {
  private struct State {
    var scope: Scope?
    var headers: SignedHeaders?
    var body: (bytes: [UInt8], digest: [UInt8])?
  }

  private struct Scope {
    let secretAccessKey: String
    let second: Double
    let scope: SigningScope
  }

  /// The longest body that is kept, in bytes.
  private static let longestBody = ManagementAPI.maximumMessageBytes

  private let last = Mutex(State())

  /// The scope at a date. Deriving a key takes four HMACs.
  func scope(secretAccessKey: String, region: String, service: String, at date: Date) -> SigningScope {
    let second = date.timeIntervalSince1970.rounded(.down)
    return last.withLock { last in
      let known = last.scope.flatMap { $0.secretAccessKey == secretAccessKey ? $0 : nil }
      if let known, known.second == second { return known.scope }
      let timestamp = UTCTime.basicText(seconds: Int(exactly: second) ?? 0)
      let parts = [String(timestamp.prefix(8)), region, service, "aws4_request"]
      let text = parts.joined(separator: "/")
      let key =
        known.flatMap { $0.scope.text == text ? $0.scope.key : nil }
        ?? SHA256.HMAC(
          key: parts.reduce(Array("AWS4\(secretAccessKey)".utf8)) { SHA256.HMAC(key: $0).authenticate(Array($1.utf8)) })
      let scope = SigningScope(timestamp: timestamp, text: text, key: key)
      last.scope = Scope(secretAccessKey: secretAccessKey, second: second, scope: scope)
      return scope
    }
  }

  /// The header fields of a signed request, without the signature.
  func headers(of request: HTTPRequest, credentials: Credentials, scope: SigningScope) -> SignedHeaders {
    last.withLock { last in
      if let known = last.headers, known.apply(to: request, credentials: credentials, scope: scope) { return known }
      let headers = SignedHeaders(request, credentials: credentials, scope: scope)
      last.headers = headers
      return headers
    }
  }

  /// The SHA-256 of a body.
  func digest(of body: [UInt8]) -> [UInt8] {
    last.withLock { last in
      if let known = last.body, known.bytes == body { return known.digest }
      let digest = SHA256.hash(body)
      last.body = body.count <= Self.longestBody ? (body, digest) : nil
      return digest
    }
  }
}

extension SigningCache: CustomReflectable {
  /// A mirror without children: the cache holds secrets.
  var customMirror: Mirror { Mirror(self, children: []) }
}
