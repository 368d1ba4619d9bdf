import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The parts that all signatures of one second share.
struct SigningScope: Sendable {
  /// ISO 8601's basic format in UTC, such as `20150830T123600Z`.
  let timestamp: String
  /// The credential scope: day, region, service and `aws4_request`.
  let text: String
  /// The signing key of the day.
  let key: SHA256.HMAC
}

/// Caches the last scope: a broadcast signs thousands of posts a second, and deriving a key takes four HMACs.
final class SigningScopeCache: Sendable {
  private struct Entry {
    let secretAccessKey: String
    let second: Double
    let scope: SigningScope
  }

  private let last = Mutex<Entry?>(nil)

  /// The scope at a date. One cache serves one region and service.
  func scope(secretAccessKey: String, region: String, service: String, at date: Date) -> SigningScope {
    let second = date.timeIntervalSince1970.rounded(.down)
    return last.withLock { last in
      let known = last.flatMap { $0.secretAccessKey == secretAccessKey ? $0 : nil }
      if let known, known.second == second { return known.scope }
      let timestamp = date.formatted(Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
      let parts = [String(timestamp.prefix(8)), region, service, "aws4_request"]
      let text = parts.joined(separator: "/")
      let key =
        known.flatMap { $0.scope.text == text ? $0.scope.key : nil }
        ?? SHA256.HMAC(
          key: parts.reduce(Array("AWS4\(secretAccessKey)".utf8)) { SHA256.HMAC(key: $0).authenticate(Array($1.utf8)) })
      let scope = SigningScope(timestamp: timestamp, text: text, key: key)
      last = Entry(secretAccessKey: secretAccessKey, second: second, scope: scope)
      return scope
    }
  }
}

extension SigningScope: CustomStringConvertible, CustomReflectable {
  /// The credential scope only: the key is a secret.
  var description: String { text }
  /// A mirror without children.
  var customMirror: Mirror { Mirror(self, children: []) }
}

extension SigningScopeCache: CustomReflectable {
  /// A mirror without children: the cache holds secrets.
  var customMirror: Mirror { Mirror(self, children: []) }
}
