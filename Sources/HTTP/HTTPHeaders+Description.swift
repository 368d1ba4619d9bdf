// Headers and requests are easily logged by accident: their descriptions and mirrors show no secrets.

extension HTTPHeaders.Field: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Fields whose values are secrets.
  private static let secretNames: Set = [
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-amz-security-token", "x-api-key",
  ]

  /// The field as `name: value`, or `name: (redacted)` for credentials.
  public var description: String {
    "\(name): \(Self.secretNames.contains(name.lowercased()) ? "(redacted)" : value)"
  }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// A mirror without children.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

extension HTTPHeaders: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The fields' descriptions in brackets.
  public var description: String { "[\(fields.map(\.description).joined(separator: ", "))]" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// The fields.
  public var customMirror: Mirror { Mirror(self, children: ["fields": fields]) }
}

extension HTTPRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Method, target without user information and query, header fields without credentials, and the size of the body.
  public var description: String {
    "\(method.rawValue) \(target.withoutSecrets) \(headers) (\(body.count) bytes)"
  }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// The description's parts.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "method": method.rawValue, "target": target.withoutSecrets, "headers": headers, "bytes": body.count,
      ])
  }
}
