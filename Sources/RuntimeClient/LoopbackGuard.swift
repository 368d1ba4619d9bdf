import HTTP

/// Refuses requests that a web page sends to a server on this machine's loopback interface.
///
/// A page of any site may send requests to `http://127.0.0.1:PORT`: browsers block reading the answer, not sending. A
/// browser adds fields that a page cannot remove, and by which its requests differ from those of a command or an SDK.
struct LoopbackGuard: Sendable {
  private static let hosts = ["127.0.0.1", "localhost", "[::1]"]
  /// Web Fetch Metadata of the address bar, of bookmarks and of the server's own pages. `same-site` covers every other
  /// server on this machine, because a site has no port.
  private static let sites = ["none", "same-origin"]

  /// The server's port.
  let port: UInt16

  /// Returns the reason to refuse a request; `nil` if there is none.
  func refusal(_ headers: HTTPHeaders) -> String? {
    let hosts = headers.all("Host")
    // A name of an attacker's that resolves to 127.0.0.1 (DNS rebinding) makes its page's requests same-origin.
    guard hosts.count == 1, let host = hosts.first, isOwn(host) else {
      return "the Host must be \(Self.hosts.map { "\($0):\(port)" }.joined(separator: ", "))"
    }
    guard headers.all("Origin").allSatisfy({ $0 == "http://\(host)" }) else {
      return "the Origin is another site's"
    }
    let sites = headers.all("Sec-Fetch-Site")
    guard sites.allSatisfy(Self.sites.contains) else { return "Sec-Fetch-Site names another site" }
    // Safari before 16.4 sends no Sec-Fetch-Site. No SDK or command claims to be a browser.
    if sites.isEmpty, headers.all("User-Agent").contains(where: { $0.hasPrefix("mozilla/") }) {
      return "a browser must send Sec-Fetch-Site"
    }
    return nil
  }

  private func isOwn(_ host: String) -> Bool {
    Self.hosts.contains { host == "\($0):\(port)" || (port == 80 && host == $0) }
  }
}

extension HTTPHeaders {
  /// Every value of a field, in lower case and without surrounding white space.
  fileprivate func all(_ name: String) -> [String] {
    let name = name.lowercased()
    return fields.filter { $0.name.lowercased() == name }.map { field in
      var value = field.value.lowercased()[...]
      while value.first == " " || value.first == "\t" { value.removeFirst() }
      while value.last == " " || value.last == "\t" { value.removeLast() }
      return String(value)
    }
  }
}
