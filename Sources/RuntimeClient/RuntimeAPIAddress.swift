import HTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The value of `AWS_LAMBDA_RUNTIME_API`: a host, with or without a port.
///
/// Any other part of a URL is refused, because it would become a part of each call's path.
struct RuntimeAPIAddress: Sendable, Equatable {
  /// The host; an IPv6 address is without its brackets.
  let host: String
  /// The host and port as they were given; an IPv6 address is in brackets (RFC 3986, section 3.2.2).
  let authority: String

  /// Whether FoundationNetworking accepts the host. It refuses one that libcurl spells in another way: an IPv6 address, or
  /// an IPv4 address in a form such as `127.1`.
  var isAcceptedByURLSession: Bool {
    guard !authority.hasPrefix("[") else { return false }
    let isNumeric = host.split(separator: ".").last?.first.map { ("0"..."9").contains($0) } ?? false
    var address = in_addr()
    return !isNumeric || inet_pton(AF_INET, host, &address) == 1
  }

  private let port: UInt16

  init(_ text: String) throws(RuntimeError) {
    guard let (host, port) = Self.split(text), port.map(Self.isPort) ?? true else { throw .invalidAddress(text) }
    self.host = String(host)
    self.port = port.flatMap { UInt16($0) } ?? 80
    authority = text
  }

  /// Whether the host is an IP address, as Lambda's is.
  var isNumeric: Bool { SocketAddress(host: host, port: port) != nil }

  /// The address of a socket; `nil` for a host that is a name other than `localhost`.
  var socketAddress: SocketAddress? { SocketAddress(host: host == "localhost" ? "127.0.0.1" : host, port: port) }

  private static func split(_ text: String) -> (host: Substring, port: Substring?)? {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      let host = text[..<end].dropFirst()
      let rest = text[text.index(after: end)...]
      guard isIPv6(host), rest.isEmpty || rest.hasPrefix(":") else { return nil }
      return (host, rest.isEmpty ? nil : rest.dropFirst())
    }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let host = parts.first, isName(host) else { return nil }
    return (host, parts.count > 1 ? parts[1] : nil)
  }

  private static func isName(_ host: Substring) -> Bool {
    !host.isEmpty
      && host.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  private static func isIPv6(_ host: Substring) -> Bool {
    var address = in6_addr()
    return !host.utf8.contains(0) && inet_pton(AF_INET6, String(host), &address) == 1
  }

  private static func isPort(_ text: Substring) -> Bool {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && UInt16(text).map { $0 > 0 } == true
  }
}
