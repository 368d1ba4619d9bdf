/// The parts of a request's target URI (RFC 9110, section 7.1).
package struct TargetURI: Sendable, Equatable {
  /// The scheme in lower case, such as `https`.
  package var scheme: String
  /// The authority, such as `example.com:8443`.
  package var authority: String
  /// Path and query as in the request line (RFC 9112, section 3.2.1); starts with a slash.
  package var originForm: String

  /// The target of a request line with this path, which may be empty.
  init(scheme: String, authority: String, path: String) {
    self.scheme = scheme
    self.authority = authority
    originForm = path.utf8.first == UInt8(ascii: "/") ? path : "/\(path)"
  }

  /// The parts of an absolute URL without its fragment. For any other text the parts have no meaning, but are safe to read.
  init(_ text: String) {
    var rest = text.utf8.prefix { $0 != UInt8(ascii: "#") }
    let scheme = rest.prefix { $0 != UInt8(ascii: ":") }
    // The colon is followed by two slashes.
    rest = rest.dropFirst(scheme.count + 3)
    let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
    self.init(
      scheme: String(Substring(scheme)).lowercased(), authority: String(Substring(authority)),
      path: String(Substring(rest.dropFirst(authority.count))))
  }

  /// The parts of an absolute http or https URL (RFC 3986) with a host, a valid port if any, and neither user information nor
  /// a fragment; `nil` for any other text, which is never corrected.
  package init?(absoluteHTTP text: String) {
    let prefix = text.hasPrefix("https://") ? "https://" : "http://"
    guard text.hasPrefix(prefix), text.isPercentEncoded else { return nil }
    self.init(text)
    // Brackets are delimiters of an address.
    func hasBracket(_ text: some StringProtocol) -> Bool {
      text.utf8.contains { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]") }
    }
    guard connectionPort != nil, !host.isEmpty, !hasBracket(host), !hasBracket(originForm) else { return nil }
    guard authority.utf8.first == UInt8(ascii: "[") else { return }
    // A zone identifier follows the address (RFC 6874).
    let address = host.utf8.prefix { $0 != UInt8(ascii: "%") }
    guard address.contains(UInt8(ascii: ":")), SocketAddress(host: String(Substring(address)), port: 1) != nil else {
      return nil
    }
  }

  /// The whole URI.
  package var text: String { "\(scheme)://\(authority)\(originForm)" }

  /// The URI for a log: without user information, which may be a password, and query, which may be a signature.
  package var withoutSecrets: String {
    let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
    return "\(scheme)://\(host)\(path)"
  }

  /// Whether the scheme is https.
  package var isSecure: Bool { scheme == "https" }

  /// The host, such as `example.com`; an IPv6 address without its brackets.
  package var host: Substring { hostAndPort.host }

  /// The port that the authority names; `nil` if it names none, or not a number.
  package var port: Int? { hostAndPort.port.flatMap { Int($0) } }

  /// The port to connect to: the authority's or, without one, the scheme's default; `nil` if the authority is not exactly a
  /// host and such a port.
  var connectionPort: UInt16? {
    let (host, port) = hostAndPort
    let hostText = authority.utf8.first == UInt8(ascii: "[") ? "[\(host)]" : String(host)
    guard authority == port.map({ "\(hostText):\($0)" }) ?? hostText else { return nil }
    guard let port, !port.isEmpty else { return isSecure ? 443 : 80 }
    let isDecimal = port.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return isDecimal ? UInt16(port).flatMap { $0 > 0 ? $0 : nil } : nil
  }

  /// The `Host` field of a request to this target (RFC 9110, section 7.2): the host as it is spelled, the port unless it is
  /// the scheme's default, no user information, and no zone identifier (RFC 6874, section 3).
  package var hostField: String {
    // Fast path: most authorities are a valid Host field, and a broadcast reads this property twice for each post.
    if isHostField { return authority }
    var (host, port) = hostAndPort
    if authority.contains("[") { host = "[\(host.prefix { $0 != "%" })]" }
    if let number = port, number.isEmpty || number == (isSecure ? "443" : "80") { port = nil }
    return port.map { "\(host):\($0)" } ?? String(host)
  }

  /// Whether the authority has no user information, no zone identifier and no port that is omitted.
  private var isHostField: Bool {
    let (at, percent) = (UInt8(ascii: "@"), UInt8(ascii: "%"))
    guard !authority.containsByte(where: { ($0 == at ? 1 : 0) | ($0 == percent ? 1 : 0) }) else { return false }
    let omitted = isSecure ? ":443" : ":80"
    return authority.utf8.last != UInt8(ascii: ":")
      && !authority.utf8.suffix(omitted.utf8.count).elementsEqual(omitted.utf8)
  }

  /// Whether the authority begins with a host.
  package var hasHost: Bool {
    guard let first = authority.utf8.first else { return false }
    return first != UInt8(ascii: ":") && !authority.utf8.starts(with: "[]".utf8)
  }

  private var hostAndPort: (host: Substring, port: Substring?) {
    var bytes = authority.utf8[...]
    if let user = bytes.lastIndex(of: UInt8(ascii: "@")) { bytes = bytes[user...].dropFirst() }
    let host: Substring.UTF8View
    if bytes.first == UInt8(ascii: "["), let end = bytes.firstIndex(of: UInt8(ascii: "]")) {
      host = bytes[..<end].dropFirst()
      bytes = bytes[end...].dropFirst()
    } else {
      host = bytes.prefix { $0 != UInt8(ascii: ":") }
      bytes = bytes.dropFirst(host.count)
    }
    return (Substring(host), bytes.first == UInt8(ascii: ":") ? Substring(bytes.dropFirst()) : nil)
  }

  /// The path.
  package var path: Substring { questionMark.map { originForm[..<$0] } ?? originForm[...] }

  /// The query without its question mark, `nil` if there is none.
  package var query: Substring? { questionMark.map { originForm[$0...].dropFirst() } }

  /// The index of the first question mark.
  private var questionMark: String.Index? {
    let mark = UInt8(ascii: "?")
    // Fast path: the path of a post has none.
    return originForm.containsByte { $0 == mark ? 1 : 0 } ? originForm.utf8.firstIndex(of: mark) : nil
  }
}

extension String {
  /// Whether each character is allowed in a URL without a fragment, and each percent sign begins an escape (RFC 3986,
  /// section 2).
  fileprivate var isPercentEncoded: Bool {
    var rest = utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard rest.prefix(2).count == 2, rest.prefix(2).allSatisfy(\.isHexDigit) else { return false }
        rest.removeFirst(2)
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        break
      default:
        guard "-._~:/?[]@!$&'()*+,;=".utf8.contains(byte) else { return false }
      }
    }
    return true
  }
}

extension UInt8 {
  fileprivate var isHexDigit: Bool {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }
}
