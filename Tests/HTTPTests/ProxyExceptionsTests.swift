import Foundation
import TestServers
import TestSupport
import Testing

@testable import HTTP

@Suite(.ownThread, .timeLimit(.minutes(30)))
struct ProxyExceptionsTests {
  @Test(
    "NO_PROXY can hold names, domains, addresses, networks and ports",
    arguments: [
      ("", "a.example", false), ("*", "a.example", true), ("*", "::1", true), ("example.com", "example.com", true),
      ("example.com", "a.b.example.com", true), ("example.com", "notexample.com", false),
      ("example.com", "example.com.evil", false), (".example.com", "example.com", true),
      (".example.com", "a.example.com", true), ("*.example.com", "a.example.com", true),
      ("*.example.com", "a.b.example.com", true), ("*.example.com", "example.com", false),
      ("*.example.com", "xexample.com", false), ("EXAMPLE.com.", "a.Example.COM", true),
      ("example.com", "example.com.", true), ("a,b , c\td", "d", true), ("a,b , c\td", "c", true), ("a,,b", "x", false),
      ("example.com:443", "example.com", true), ("example.com:8443", "example.com", false),
      ("*.example.com:443", "a.example.com", true), ("*:8443", "a", false), ("*:443", "a", true),
      ("example.com:x", "example.com", false), ("example.com:", "example.com", false),
      ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.10", false), ("192.0.2.1:443", "192.0.2.1", true),
      ("127.0.0.1", "127.1", true), ("2.1", "192.0.2.1", false), ("192.0.2.0/24", "192.0.2.255", true),
      ("192.0.2.0/24", "192.0.3.0", false), ("192.0.2.128/25", "192.0.2.127", false), ("0.0.0.0/0", "8.8.8.8", true),
      ("0.0.0.0/0", "a.example", false), ("192.0.2.0/33", "192.0.2.0", false), ("192.0.2.0/", "192.0.2.0", false),
      ("192.0.2.0/-1", "192.0.2.0", false), ("10.0.0.0/8:443", "10.1.2.3", true), ("::1", "::1", true),
      ("::1", "0:0:0:0:0:0:0:1", true), ("[::1]", "::1", true), ("[::1]:443", "::1", true), ("[::1]:80", "::1", false),
      ("2001:db8::/32", "2001:db8:1::1", true), ("2001:db8::/32", "2001:db9::1", false),
      ("[2001:db8::]/32", "2001:db8::1", true),
      ("fe80::1", "fe80::1%eth0", true), ("::ffff:192.0.2.1", "192.0.2.1", true), ("a/8", "a", false),
      ("/", "a", false),
      (".", "a", false), ("*.", "a", false), ("[", "a", false), (":443", "a", false),
    ])
  func rules(list: String, host: String, isExcepted: Bool) {
    #expect(ProxyExceptions(list).contain(host: host, port: 443) == isExcepted)
  }

  @Test(
    "A request to an https URL goes through the proxy unless NO_PROXY matches its host and port",
    arguments: [("", true), ("127.0.0.1:1", true), ("*.example.com", true), ("127.0.0.0/8", false), ("127.1", false)])
  func proxy(list: String, isProxied: Bool) async {
    await #expect(processExitsWith: .success) { [list, isProxied] in
      let proxy = try LoopbackServer { _ in Reply(502) }
      let server = try LoopbackServer { _ in Reply(200) }
      setenv("HTTPS_PROXY", "http://\(proxy.address)", 1)
      setenv("NO_PROXY", list, 1)
      let request = HTTPRequest(method: .get, url: try #require(URL(string: "https://\(server.address)/")))
      let error = await #expect(throws: HTTPError.self) { try await CurlTransport().send(request) }
      #expect(proxy.requests.map(\.method) == (isProxied ? ["CONNECT"] : []))
      if isProxied { #expect(error?.reason == .cannotConnect) }
    }
  }

  @Test("A request bypasses the proxy if NO_PROXY names its host and port")
  func port() async {
    await #expect(processExitsWith: .success) {
      let proxy = try LoopbackServer { _ in Reply(502) }
      let server = try LoopbackServer { _ in Reply(200) }
      setenv("HTTPS_PROXY", "http://\(proxy.address)", 1)
      setenv("NO_PROXY", "example.com, \(server.address)", 1)
      let request = HTTPRequest(method: .get, url: try #require(URL(string: "https://\(server.address)/")))
      await #expect(throws: HTTPError.self) { try await CurlTransport().send(request) }
      #expect(proxy.requests.isEmpty)
    }
  }

  @Test(
    "An error does not contain the proxy's user and password",
    arguments: [
      "http://user:secret@127.0.0.1:1", "ftp://user:secret@127.0.0.1", "http://user:secret@127.0.0.1:x", "user:secret@",
      "http://user:secret@no-such-host.invalid", "http://user:secret",
    ])
  func credentials(proxy: String) async {
    await #expect(processExitsWith: .success) { [proxy] in
      setenv("HTTPS_PROXY", proxy, 1)
      let request = HTTPRequest(method: .get, url: try #require(URL(string: "https://example.invalid/")))
      let error = await #expect(throws: HTTPError.self) { try await CurlTransport().send(request) }
      #expect(error?.description.contains("secret") == false)
      #expect(error?.description.contains("user") == false)
    }
  }
}
