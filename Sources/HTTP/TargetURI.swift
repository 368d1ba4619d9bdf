#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A request's target URI (RFC 9110, section 7.1): an absolute http or https URL, taken apart where its text stands.
///
/// `URL`'s own accessors take long for what is needed several times for each post of a broadcast. Of another URL than
/// such a one the parts mean nothing, but can be taken.
package struct TargetURI: Sendable, Equatable {
  /// The whole text.
  private let text: String
  // Where the parts begin and end, in bytes.
  private let authorityStart: Int
  private let pathStart: Int
  private let pathEnd: Int
  private let end: Int

  init(_ url: URL) {
    var text = url.absoluteString
    (authorityStart, pathStart, pathEnd, end) = text.withUTF8 { bytes in
      var index = 0
      func goOn(until isStop: (UInt8) -> Bool) -> Int {
        while index < bytes.count, bytes[index] != UInt8(ascii: "#"), !isStop(bytes[index]) { index += 1 }
        return index
      }
      // After the colon come two slashes.
      index = min(goOn { $0 == UInt8(ascii: ":") } + 3, bytes.count)
      let authorityStart = index
      let pathStart = goOn { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
      let pathEnd = goOn { $0 == UInt8(ascii: "?") }
      return (authorityStart, pathStart, pathEnd, goOn { _ in false })
    }
    self.text = text
  }

  /// Scheme and authority, such as `https://example.com:8443`.
  package var origin: Substring { part(0, pathStart) }

  /// Whether the scheme is https.
  package var isSecure: Bool { authorityStart == "https://".utf8.count }

  /// The authority, such as `example.com:8443`.
  package var authority: Substring { part(authorityStart, pathStart) }

  /// The path, which may be empty.
  package var path: Substring { part(pathStart, pathEnd) }

  /// The query without its question mark, `nil` where there is none.
  package var query: Substring? { pathEnd < end ? part(pathEnd + 1, end) : nil }

  /// Path and query as they stand in the request line (RFC 9112, section 3.2.1).
  var originForm: String { pathStart == pathEnd ? "/\(part(pathEnd, end))" : String(part(pathStart, end)) }

  private func part(_ start: Int, _ end: Int) -> Substring {
    let bytes = text.utf8
    return text[bytes.index(bytes.startIndex, offsetBy: start)..<bytes.index(bytes.startIndex, offsetBy: end)]
  }
}
