import Foundation
import HTTP
import TestServers
import TestSupport
import Testing

/// The bytes that a transport sends: the request as given, and only the fields that it must add.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct RequestTests {
  @Test(
    "Any method is sent unchanged, with or without a body",
    arguments: ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "get"], ["", "a body"])
  func methods(method: String, body: String) async throws {
    let server = try LoopbackServer { Reply(200, body: $0.body) }
    defer { server.stop() }
    for kind in BodyTransport.allCases {
      let response = try await kind.make().send(
        HTTPRequest(method: HTTPMethod(rawValue: method), url: try server.url(), body: Array(body.utf8)))
      #expect(response.body == Array(body.utf8))
      let request = try #require(server.requests.last)
      #expect(request.method == method)
      #expect(request.body == Array(body.utf8))
    }
    #expect(server.requests.count == BodyTransport.allCases.count)
  }

  @Test("A response to HEAD has no body, and its connection is reused", arguments: BodyTransport.allCases)
  func head(kind: BodyTransport) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { request in
      request.method == "HEAD" ? Reply(200, headers: ["Content-Length": "5"]) : Reply(200, text: "12345")
    }
    defer { server.stop() }
    for method in ["HEAD", "GET", "HEAD"] as [HTTPMethod] {
      let response = try await transport.send(
        HTTPRequest(method: method, url: try server.url(), timeout: .seconds(60)))
      #expect(response.headers["Content-Length"] == "5")
      #expect(response.body.count == (method == "HEAD" ? 0 : 5))
    }
    #expect(server.connectionCount == 1)
  }

  @Test("A request inherits nothing from the previous one", arguments: BodyTransport.allCases)
  func independence(kind: BodyTransport) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    let requests = [
      HTTPRequest(method: .post, url: try server.url("/1"), headers: ["X-A": "1"], body: [1, 2, 3]),
      HTTPRequest(method: .get, url: try server.url("/2")),
      HTTPRequest(method: "PUT", url: try server.url("/3"), headers: ["Content-Type": "text/plain"], body: [4]),
      HTTPRequest(method: .post, url: try server.url("/4")),
      HTTPRequest(method: .delete, url: try server.url("/5")),
    ]
    for request in requests { _ = try await transport.send(request) }
    for (request, recorded) in zip(requests, server.requests) {
      #expect(recorded.method == request.method.rawValue)
      #expect(recorded.target == request.path)
      #expect(recorded.body == request.body)
      let own = recorded.headers.fields.filter { !["Host", "Accept", "Content-Length"].contains($0.name) }
      #expect(own == request.headers.fields)
    }
    #expect(server.connectionCount == 1)
  }

  @Test(
    "No transport adds Content-Type or Expect, for any body size", arguments: BodyTransport.allCases, [0, 1, 3_000_000])
  func ownFields(kind: BodyTransport, size: Int) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    _ = try await transport.send(
      HTTPRequest(method: .post, url: try server.url(), body: [UInt8](repeating: 0x61, count: size)))
    let headers = try #require(server.requests.first).headers
    #expect(headers.fields.map(\.name) == kind.ownFields)
    #expect(headers["Host"] == server.address)
    #expect(headers["Content-Length"] == "\(size)")
  }

  @Test(
    "Requests to alternating servers reach their own, also after requests that cannot be sent",
    arguments: BodyTransport.allCases)
  func origins(kind: BodyTransport) async throws {
    let transport = kind.make()
    let servers = try (0..<2).map { _ in try LoopbackServer { Reply(200, text: $0.target) } }
    defer { for server in servers { server.stop() } }
    let unsendable = ["http://user:secret@\(servers[0].address)/", "http://a b/", "http://[:::]/"]
      .compactMap { URL(string: $0) }
    for number in 0..<6 {
      let url = try servers[number % 2].url("/\(number)?\(number)")
      #expect(try await transport.send(HTTPRequest(method: .get, url: url)).body == Array("/\(number)?\(number)".utf8))
      for url in unsendable {
        await #expect(throws: HTTPError.self) { try await transport.send(HTTPRequest(method: .get, url: url)) }
      }
    }
    #expect(servers.map { $0.requests.map(\.target) } == [["/0?0", "/2?2", "/4?4"], ["/1?1", "/3?3", "/5?5"]])
  }

  @Test(
    "Up to 300 header fields of any length are sent, and the next request has only its own",
    arguments: BodyTransport.allCases)
  func manyFields(kind: BodyTransport) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    for count in [100, 1, 17, 300, 2] {
      var headers: HTTPHeaders = ["Content-Type": "text/plain"]
      for number in 0..<count {
        headers.add(name: "X-\(number)", value: String(repeating: "\(number % 10)", count: count))
      }
      _ = try await transport.send(HTTPRequest(method: .post, url: try server.url(), headers: headers, body: [1]))
      let sent = try #require(server.requests.last).headers.fields
      #expect(sent.filter { !["Host", "Accept", "Content-Length"].contains($0.name) } == headers.fields)
    }
    #expect(server.connectionCount == 1)
  }

  @Test(
    "Header fields are sent unchanged and in order: empty values, repeated names, any character",
    arguments: BodyTransport.allCases)
  func fields(kind: BodyTransport) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    let headers: HTTPHeaders = [
      "X-Twice": "2", "X-Empty": "", "X-Twice": "1", "x-twice": "2", "X-Blank": "  ", "X-Inner": "a  b\tc",
      "X-Marks": #";:,="%s\"#, "X-Text": "Grüße", "Authorization": "AWS4-HMAC-SHA256 Credential=a/b",
      "Content-Type": "", "User-Agent": "chat/1",
    ]
    _ = try await transport.send(HTTPRequest(method: .post, url: try server.url(), headers: headers, body: [1]))
    let request = try #require(server.requests.first)
    let own = ["Host", "Accept", "Content-Length"]
    let sent = request.headers.fields.filter { !own.contains($0.name) }
    // White space around a value is not part of it.
    let expected = headers.fields.map { [$0.name, $0.value.trimmingCharacters(in: .whitespaces)] }
    #expect(sent.map { [$0.name, $0.value.trimmingCharacters(in: .whitespaces)] } == expected)
  }

  @Test(
    "The caller's Host and Accept replace the transport's", arguments: BodyTransport.allCases, ["", "text/plain"])
  func replacedFields(kind: BodyTransport, accept: String) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    let headers: HTTPHeaders = ["Accept": accept, "Host": "example.com"]
    _ = try await transport.send(HTTPRequest(method: .get, url: try server.url(), headers: headers))
    let sent = try #require(server.requests.first).headers
    #expect(sent.fields.filter { $0.name == "Accept" }.map(\.value) == [accept])
    #expect(sent.fields.filter { $0.name == "Host" }.map(\.value) == ["example.com"])
  }

  @Test(
    "Path and query are sent unchanged", arguments: BodyTransport.allCases,
    [
      "/", "/a/../b/./c/..", "/../..", "//a//b/", "/a%2Fb%2fc%3d%3D", "/%e4%C3%A4%7e~%41", "/%2e%2e/%2E",
      "/;p=1,2:@!$&'()*+-._", "/a?b=c", "/?a=%20+%2b&&b=&=c&d", "/?x='();:@!$*,/?~%2f%2F", "/a?b=/../c", "/?a=%00%0A",
    ])
  func targets(kind: BodyTransport, target: String) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    _ = try await transport.send(HTTPRequest(method: .get, url: try server.url(target)))
    #expect(server.requests.map(\.target) == [target])
  }

  @Test("A URL's fragment is not sent, and one with a user is rejected", arguments: BodyTransport.allCases)
  func otherParts(kind: BodyTransport) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    _ = try await transport.send(HTTPRequest(method: .get, url: try server.url("/a?b#c")))
    #expect(server.requests.map(\.target) == ["/a?b"])
    let error = await #expect(throws: HTTPError.self) {
      try await transport.send(
        HTTPRequest(method: .get, url: try #require(URL(string: "http://user:secret@\(server.address)/"))))
    }
    #expect(error?.reason == .invalidRequest)
    #expect(error?.description.contains("secret") == false)
    #expect(server.requests.count == 1)
  }

  @Test(
    "The Host field spells the host as the URL does, though the connection is to its normalized form",
    arguments: [
      (.curl, "127.1"), (.curl, "127.0.0.1"), (.curl, "0x7f.1"), (.curl, "LOCALHOST"), (.socket, "127.1"),
      (.socket, "127.0.0.1"), (.socket, "0x7f.1"),
    ] as [(BodyTransport, String)])
  func hostAsSpelled(kind: BodyTransport, host: String) async throws {
    let transport = kind.make()
    let server = try LoopbackServer { _ in Reply(200) }
    defer { server.stop() }
    let url = try #require(URL(string: "http://\(host):\(server.port)/a"))
    _ = try await transport.send(HTTPRequest(method: .get, url: url))
    #expect(server.requests.first?.headers["Host"] == "\(host):\(server.port)")
  }

  @Test(
    "A bracketed IPv6 address is connected to, and sent as spelled", arguments: BodyTransport.allCases,
    ["[::1]", "[0:0:0:0:0:0:0:1]"])
  func ipv6(kind: BodyTransport, host: String) async throws {
    let transport = kind.make()
    let server = try LoopbackServer(isIPv6: true) { Reply(200, text: $0.headers["Host"] ?? "") }
    defer { server.stop() }
    let url = try #require(URL(string: "http://\(host):\(server.port)/a"))
    let response = try await transport.send(HTTPRequest(method: .get, url: url, timeout: .seconds(60)))
    #expect(response.body == Array("\(host):\(server.port)".utf8))
    server.stop()
    let error = await #expect(throws: HTTPError.self) {
      try await kind.make().send(HTTPRequest(method: .get, url: url, timeout: .seconds(60)))
    }
    #expect(error?.target == "http://\(host):\(server.port)/a")
  }

  @Test("A request to an http URL ignores the environment's proxies")
  func proxies() async {
    await #expect(processExitsWith: .success) {
      let proxy = try LoopbackServer { _ in Reply(502) }
      for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        setenv(name, "http://\(proxy.address)", 1)
      }
      let server = try LoopbackServer { _ in Reply(200) }
      for kind in BodyTransport.allCases {
        let response = try await kind.make().send(HTTPRequest(method: .get, url: try server.url()))
        #expect(response.status == 200)
      }
      #expect(proxy.requests.isEmpty)
    }
  }
}
