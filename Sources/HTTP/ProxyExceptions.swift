#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The hosts in `NO_PROXY`, to which requests do not use the proxy.
///
/// A list separated by commas or white space, without regard to case. Each entry may end with `:port`.
///
/// | entry | matches |
/// |---|---|
/// | `*` | every host |
/// | `example.com`, `.example.com` | the host and its subdomains |
/// | `*.example.com` | its subdomains |
/// | `192.0.2.1`, `::1`, `[::1]` | the address |
/// | `192.0.2.0/24`, `2001:db8::/32` | the addresses of the network |
struct ProxyExceptions: Sendable, Equatable {
  private enum Pattern: Equatable {
    case any
    case domain(String, includesItself: Bool)
    case network(IPAddress, bits: Int)
  }

  private struct Rule: Equatable {
    var pattern: Pattern
    var port: Int?
  }

  private let rules: [Rule]

  /// Parses a list. Entries that are neither a name nor an address are ignored.
  init(_ list: String) {
    rules = list.split { $0 == "," || $0.isWhitespace }.compactMap { Self.rule($0.lowercased()) }
  }

  /// The list in `no_proxy`, or in `NO_PROXY` if the first is not set: libcurl's variables, in its order.
  static func fromEnvironment() -> ProxyExceptions {
    let value = getenv("no_proxy") ?? getenv("NO_PROXY")
    return ProxyExceptions(value.map { String(cString: $0) } ?? "")
  }

  /// Whether requests to a host and port bypass the proxy.
  ///
  /// - Parameter host: a name or an address, an IPv6 address without brackets.
  func contain(host: some StringProtocol, port: Int) -> Bool {
    guard !rules.isEmpty else { return false }
    let name = Self.withoutTrailingDot(host.lowercased())
    let address = IPAddress(name)
    return rules.contains { rule in
      guard rule.port.map({ $0 == port }) ?? true else { return false }
      switch rule.pattern {
      case .any: return true
      case .network(let network, let bits): return address?.isIn(network, bits: bits) ?? false
      case .domain(let domain, let includesItself):
        return address == nil && (name.hasSuffix(".\(domain)") || (includesItself && name == domain))
      }
    }
  }

  private static func rule(_ entry: String) -> Rule? {
    var (host, port) = (Substring(entry), Substring?.none)
    if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
      let rest = host[host.index(after: end)...]
      host = host[..<end].dropFirst()
      if rest.hasPrefix(":") { port = rest.dropFirst() } else if rest.hasPrefix("/") { host += rest }
    } else if let colon = host.firstIndex(of: ":"), colon == host.lastIndex(of: ":") {
      // Exactly one colon: an address with two or more is an IPv6 address without a port.
      (host, port) = (host[..<colon], host[host.index(after: colon)...])
    }
    var number: Int?
    if let port {
      guard let value = Int(port), (1...65_535).contains(value) else { return nil }
      number = value
    }
    return pattern(host).map { Rule(pattern: $0, port: number) }
  }

  private static func pattern(_ host: Substring) -> Pattern? {
    if host == "*" { return .any }
    let parts = host.split(separator: "/", omittingEmptySubsequences: false)
    if let address = IPAddress(withoutTrailingDot(String(parts[0]))) {
      guard parts.count > 1 else { return .network(address, bits: address.bytes.count * 8) }
      guard parts.count == 2, let bits = Int(parts[1]), (0...address.bytes.count * 8).contains(bits) else { return nil }
      return .network(address, bits: bits)
    }
    let includesItself = !host.hasPrefix("*.")
    let domain = withoutTrailingDot(String(host.drop { $0 == "*" || $0 == "." }))
    return domain.isEmpty || parts.count > 1 ? nil : .domain(domain, includesItself: includesItself)
  }

  private static func withoutTrailingDot(_ name: String) -> String {
    name.hasSuffix(".") ? String(name.dropLast()) : name
  }
}

/// An IP address, IPv4-mapped IPv6 addresses as IPv4.
private struct IPAddress: Equatable {
  let bytes: [UInt8]

  /// Parses an address as libcurl does, so also `127.1` and an IPv6 address with a zone identifier.
  init?(_ text: String) {
    if text.contains(":") {
      var address = in6_addr()
      guard inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &address) == 1 else { return nil }
      let bytes = withUnsafeBytes(of: address) { Array($0) }
      let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
      self.bytes = isMapped ? Array(bytes.suffix(4)) : bytes
    } else {
      var address = in_addr()
      guard text.first?.isNumber == true, inet_aton(text, &address) != 0 else { return nil }
      bytes = withUnsafeBytes(of: address) { Array($0) }
    }
  }

  /// Whether the leading bits are those of a network's address.
  func isIn(_ network: IPAddress, bits: Int) -> Bool {
    guard bytes.count == network.bytes.count else { return false }
    return bytes.indices.allSatisfy { index in
      let count = min(max(bits - index * 8, 0), 8)
      let mask = UInt8(truncatingIfNeeded: 0xFF00 >> count)
      return bytes[index] & mask == network.bytes[index] & mask
    }
  }
}
