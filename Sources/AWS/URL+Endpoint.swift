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
      url.host(percentEncoded: true)?.isEmpty == false, url.user == nil, url.password == nil, url.fragment == nil,
      url.port.map({ (1...65_535).contains($0) }) ?? true
    else { return nil }
    self = url
  }
}
