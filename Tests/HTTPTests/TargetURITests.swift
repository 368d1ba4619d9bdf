import Foundation
import Testing

@testable import HTTP

@Suite struct TargetURITests {
  @Test(
    "A URL is split into scheme, authority, path and query",
    arguments: [
      ("http://a", "http://a", "a", "/", nil, "/"), ("https://a:8443/", "https://a:8443", "a:8443", "/", nil, "/"),
      ("https://a/b/c?d=e&f", "https://a", "a", "/b/c", "d=e&f", "/b/c?d=e&f"),
      ("https://a?d", "https://a", "a", "/", "d", "/?d"), ("http://a/?", "http://a", "a", "/", "", "/?"),
      ("https://a/b#c?d/e", "https://a", "a", "/b", nil, "/b"), ("https://a#b", "https://a", "a", "/", nil, "/"),
      ("http://[::1]:80/a?b?c/d", "http://[::1]:80", "[::1]:80", "/a", "b?c/d", "/a?b?c/d"),
      ("https://u:p@a/%40%2F?x=%3D", "https://u:p@a", "u:p@a", "/%40%2F", "x=%3D", "/%40%2F?x=%3D"),
      ("HTTPS://A/B:C", "https://A", "A", "/B:C", nil, "/B:C"),
    ] as [(String, String, String, String, String?, String)])
  func parts(
    url: String, origin: String, authority: String, path: String, query: String?, originForm: String
  ) throws {
    let target = TargetURI(url)
    #expect("\(target.scheme)://\(target.authority)" == origin)
    #expect(target.authority == authority)
    #expect(target.path == path)
    #expect(target.query.map { String($0) } == query)
    #expect(target.originForm == originForm)
    #expect(target.isSecure == url.lowercased().hasPrefix("https:"))
  }

  @Test(
    "Reading the parts of a malformed URL is safe",
    arguments: ["a", "a:", "/", "http:", "http:/", "mailto:a", "é", "?", "#"])
  func others(text: String) throws {
    let target = TargetURI(text)
    let parts = [target.authority, String(target.path), String(target.query ?? ""), target.originForm]
    #expect(parts.allSatisfy { $0.utf8.count <= text.utf8.count + 1 })
  }

  @Test(
    "An absolute URL is accepted as it is",
    arguments: [
      "http://a/", "https://a:8443/", "https://a.example:/b", "https://A-b_c~d.%41/b/c;d=1?e=f&g=%20/?:@",
      "http://127.0.0.1:1/",
      "http://[::1]/", "https://[fd00:ec2::23]:65535/x", "http://[fe80::1%25eth0]/", "http://[::ffff:127.0.0.1]/",
      "http://127.1/",
    ])
  func absolute(text: String) {
    #expect(TargetURI(absoluteHTTP: text)?.text == text)
  }

  @Test(
    "Any other text is not an absolute URL",
    arguments: [
      "", "a", "/a", "//a", "http:", "http:/a", "http://", "http:///a", "http://:80/", "https://?a", "ftp://a/",
      "HTTPS://a/",
      "http://u@a/", "http://u:p@a/", "http://@a/", "http://a/#", "http://a/#b", "http://a b/", "http://a/b c",
      "http://a/é",
      "http://a/%", "http://a/%2", "http://a/%2g", "http://a:0/", "http://a:65536/", "http://a:99999999999999999999/",
      "http://a:b/", "http://a:+80/", "http://a:80:80/", "http://::1/", "http://[::1/", "http://[]/", "http://[a]/",
      "http://[127.0.0.1]/", "http://[::1]x/", "http://[::1]:x/", "http://a[/", "http://a/[b]", "http://a/?[b]",
      "http://a/{b}",
      "http://a\\b/", "http://a/\n", "http://a/\0", " http://a/", "http://a/\"", "http://a/<b>", "http://a/^`|",
    ])
  func notAbsolute(text: String) {
    #expect(TargetURI(absoluteHTTP: text) == nil)
  }

  @Test("Scheme, authority and path of a request can be set separately")
  func changed() throws {
    var request = HTTPRequest(method: .get, url: try #require(URL(string: "http://a/b#c")))
    #expect([request.scheme, request.authority, request.path] == ["http", "a", "/b"])
    request.scheme = "HTTPS"
    request.authority = "[::1]:8443"
    request.path = "d?e"
    #expect(request.url?.absoluteString == "https://[::1]:8443/d?e")
    let other = HTTPRequest(method: .get, scheme: "https", authority: "[::1]:8443", path: "/d?e")
    #expect(request == other)
  }

  @Test(
    "A request whose parts do not form a URL is rejected before anything is sent",
    arguments: [
      ("ftp", "a", "/"), ("", "a", "/"), ("https", "", "/"), ("https", ":443", "/"), ("https", "a/b", "/"),
      ("https", "u:p@a", "/"), ("https", "a b", "/"), ("https", "a\r\nX: y", "/"), ("https", "a?b", "/"),
      ("https", "a", "/ HTTP/1.1\r\nX: y"), ("https", "a", "/é"), ("https", "a", "/a b"), ("https", "a", "/a#b"),
      ("https", "a\\b", "/"),
    ])
  func invalid(scheme: String, authority: String, path: String) throws {
    let request = HTTPRequest(method: .get, scheme: scheme, authority: authority, path: path)
    let error = #expect(throws: HTTPError.self) { try request.validate() }
    #expect(error?.reason == .invalidRequest)
    #expect(error?.description.contains("u:p") == false)
  }
}

extension TargetURITests {
  @Test(
    "The Host field spells the host as the URL does",
    arguments: [
      ("http://127.1:8000/a", "127.1:8000", "127.1", 8000), ("https://EXAMPLE.com/", "EXAMPLE.com", "EXAMPLE.com", nil),
      ("https://a:443/", "a", "a", 443), ("http://a:443/", "a:443", "a", 443), ("http://a:80", "a", "a", 80),
      ("http://a:", "a", "a", nil), ("https://u:p@a:1/", "a:1", "a", 1),
      ("http://[::1]:9001/", "[::1]:9001", "::1", 9001),
      ("http://[::80]/", "[::80]", "::80", nil), ("http://[::1]:80/", "[::1]", "::1", 80),
      ("https://[0:0:0:0:0:0:0:1]", "[0:0:0:0:0:0:0:1]", "0:0:0:0:0:0:0:1", nil),
      ("http://[fe80::1%25eth0]:80/", "[fe80::1]", "fe80::1%25eth0", 80),
    ] as [(String, String, String, Int?)])
  func hostField(url: String, field: String, host: String, port: Int?) throws {
    let target = TargetURI(url)
    #expect(target.hostField == field)
    #expect(target.host == host)
    #expect(target.port == port)
  }
}
