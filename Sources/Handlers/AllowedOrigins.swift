import AWS
import HTTP
import WebSocketAPI

/// The web pages that may connect, by their origin (RFC 6454): a browser sends it with each handshake, and a page cannot
/// change it.
public struct AllowedOrigins: Sendable, Equatable {
  private let origins: Set<String>

  /// Reads a list separated by commas.
  ///
  /// - Throws: `ConfigurationError` for an entry that is not an origin such as `https://chat.example.com`.
  init(_ list: String) throws(ConfigurationError) {
    var origins: Set<String> = []
    for entry in list.split(separator: ",", omittingEmptySubsequences: false) {
      guard let origin = Self.origin(String(entry)) else {
        throw ConfigurationError(
          "ALLOWED_ORIGINS is malformed: each entry must be scheme, host and port of a page, such as "
            + "https://chat.example.com, separated by commas.")
      }
      origins.insert(origin)
    }
    self.origins = origins
  }

  /// An origin as browsers write it: in lower case, without the scheme's own port.
  private static func origin(_ text: String) -> String? {
    let text = text.lowercased()
    guard let target = TargetURI(absoluteHTTP: text), text == "\(target.scheme)://\(target.authority)",
      // A pattern would never match.
      !target.host.utf8.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "%") })
    else { return nil }
    return "\(target.scheme)://\(target.hostField)"
  }

  /// Whether a handshake may connect.
  ///
  /// - Parameter hasToken: whether it has a valid token. A browser always sends `Origin`: a handshake without it comes from
  ///   another program, and needs a token.
  func allow(_ event: WebSocketEvent, hasToken: Bool) -> Bool {
    let values = event.multiValueHeaders.filter { $0.key.lowercased() == "origin" }.flatMap(\.value)
    guard let value = values.first ?? event.header("Origin") else { return hasToken }
    return values.count <= 1 && origins.contains(value.lowercased())
  }
}
