extension String {
  /// One of libcurl's messages without any text that may be a proxy's user or password.
  ///
  /// libcurl quotes the whole value of `HTTPS_PROXY` if it cannot parse it, so everything in quotes is removed from a
  /// message about a proxy: in a malformed URL, any part may be the password. User information in a URL is always removed.
  var withoutProxyCredentials: String {
    var bytes = Array(utf8)
    let quote = UInt8(ascii: "'")
    if bytes.firstRange(of: "roxy") != nil,
      let start = bytes.firstIndex(of: quote), let end = bytes.lastIndex(of: quote), start < end
    {
      bytes.replaceSubrange(start + 1..<end, with: "…".utf8)
    }
    var start = 0
    while let scheme = bytes[start...].firstRange(of: "://") {
      start = scheme.upperBound
      let authority = bytes[start...].prefix { $0 > UInt8(ascii: " ") && $0 != UInt8(ascii: "/") }
      guard let end = authority.lastIndex(of: UInt8(ascii: "@")) else { continue }
      bytes.replaceSubrange(start..<end, with: "…".utf8)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension Collection<UInt8> {
  fileprivate func firstRange(of text: StaticString) -> Range<Index>? {
    text.withUTF8Buffer { text in
      indices.first { self[$0...].starts(with: text) }.map { $0..<index($0, offsetBy: text.count) }
    }
  }
}
