#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension URL {
  /// Creates an absolute http or https URL with a host, a valid port if any, and no user; `nil` for any other text,
  /// which is never corrected.
  init?(absoluteHTTP text: String) {
    guard let url = URL(string: text, encodingInvalidCharacters: false), url.scheme == "https" || url.scheme == "http",
      let host = url.host(percentEncoded: true), !host.isEmpty, url.user == nil, url.password == nil,
      url.fragment == nil
    else { return nil }
    // `URL` reads a port too large for an Int as no port; such a URL must not use the scheme's default port.
    let authority = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).dropFirst(2).first ?? ""
    let namesPort = authority.prefix { $0 != "/" && $0 != "?" }.endsWithPort
    guard url.port.map({ (1...65_535).contains($0) }) ?? !namesPort else { return nil }
    self = url
  }
}

extension Substring {
  /// Whether the text, a host and an optional port, ends with a colon and digits.
  fileprivate var endsWithPort: Bool {
    guard let colon = lastIndex(of: ":") else { return false }
    let digits = self[index(after: colon)...]
    return !digits.isEmpty && digits.allSatisfy(\.isNumber)
  }
}
