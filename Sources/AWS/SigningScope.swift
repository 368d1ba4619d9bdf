/// The parts that all signatures of one second share.
struct SigningScope: Sendable {
  /// ISO 8601's basic format in UTC, such as `20150830T123600Z`.
  let timestamp: String
  /// The credential scope: day, region, service and `aws4_request`.
  let text: String
  /// The signing key of the day.
  let key: SHA256.HMAC
}

extension SigningScope: CustomStringConvertible, CustomReflectable {
  /// The credential scope only: the key is a secret.
  var description: String { text }
  /// A mirror without children.
  var customMirror: Mirror { Mirror(self, children: []) }
}
