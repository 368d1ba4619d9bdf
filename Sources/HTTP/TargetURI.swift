#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The parts of a request's target URI (RFC 9110, section 7.1), an absolute http or https URL.
///
/// `URL`'s own accessors are slow for parts that each post of a broadcast needs several times. The parts of any other URL
/// are meaningless, but safe to read.
package struct TargetURI: Sendable, Equatable {
  /// The whole text.
  private let text: String
  // The offsets of the parts, in bytes.
  private let authorityStart: Int
  private let pathStart: Int
  private let pathEnd: Int
  private let end: Int

  init(_ url: URL) {
    var text = url.absoluteString
    (authorityStart, pathStart, pathEnd, end) = text.withUTF8 { bytes in
      var index = 0
      func skip(until isStop: (UInt8) -> Bool) -> Int {
        while index < bytes.count, bytes[index] != UInt8(ascii: "#"), !isStop(bytes[index]) { index += 1 }
        return index
      }
      // The colon is followed by two slashes.
      index = min(skip { $0 == UInt8(ascii: ":") } + 3, bytes.count)
      let authorityStart = index
      let pathStart = skip { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
      let pathEnd = skip { $0 == UInt8(ascii: "?") }
      return (authorityStart, pathStart, pathEnd, skip { _ in false })
    }
    self.text = text
  }

  /// Scheme and authority, such as `https://example.com:8443`.
  package var origin: Substring { part(0, pathStart) }

  /// Whether the scheme is https.
  package var isSecure: Bool { authorityStart == "https://".utf8.count }

  /// The authority, such as `example.com:8443`.
  package var authority: Substring { part(authorityStart, pathStart) }

  /// The host, such as `example.com`; an IPv6 address without its brackets.
  package var host: Substring { hostAndPort.host }

  /// The port, `nil` if it is the scheme's default or not a number.
  package var port: Int? { hostAndPort.port.flatMap { Int($0) } }

  /// The `Host` field of a request to this target (RFC 9110, section 7.2): the host as it is spelled, the port unless it is
  /// the scheme's default, no user information, and no zone identifier (RFC 6874, section 3).
  package var hostField: String {
    var (host, port) = hostAndPort
    if authority.contains("[") { host = "[\(host.prefix { $0 != "%" })]" }
    if let number = port, number.isEmpty || number == (isSecure ? "443" : "80") { port = nil }
    return port.map { "\(host):\($0)" } ?? String(host)
  }

  private var hostAndPort: (host: Substring, port: Substring?) {
    var bytes = authority.utf8
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

  /// The path, which may be empty.
  package var path: Substring { part(pathStart, pathEnd) }

  /// The query without its question mark, `nil` if there is none.
  package var query: Substring? { pathEnd < end ? part(pathEnd + 1, end) : nil }

  /// Path and query as in the request line (RFC 9112, section 3.2.1).
  var originForm: String { pathStart == pathEnd ? "/\(part(pathEnd, end))" : String(part(pathStart, end)) }

  private func part(_ start: Int, _ end: Int) -> Substring {
    let bytes = text.utf8
    return text[bytes.index(bytes.startIndex, offsetBy: start)..<bytes.index(bytes.startIndex, offsetBy: end)]
  }
}
