#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension URL {
  /// An absolute http or https URL that can be sent to as it stands: with a host, without a user, with a port there can
  /// be. `nil` for anything else; nothing is mended.
  init?(absoluteHTTP text: String) {
    guard let url = URL(string: text, encodingInvalidCharacters: false), url.scheme == "https" || url.scheme == "http",
      let host = url.host(percentEncoded: true), !host.isEmpty, url.user == nil, url.password == nil,
      url.fragment == nil
    else { return nil }
    // A port too large for an Int is none to URL; it must not become the scheme's own.
    let authority = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).dropFirst(2).first ?? ""
    let namesPort = authority.prefix { $0 != "/" && $0 != "?" }.endsWithPort
    guard url.port.map({ (1...65_535).contains($0) }) ?? !namesPort else { return nil }
    self = url
  }
}

extension Substring {
  /// Whether the text, a host and maybe a port, ends with a colon and digits.
  fileprivate var endsWithPort: Bool {
    guard let colon = lastIndex(of: ":") else { return false }
    let digits = self[index(after: colon)...]
    return !digits.isEmpty && digits.allSatisfy(\.isNumber)
  }
}
