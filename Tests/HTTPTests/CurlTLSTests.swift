import Foundation
import HTTP
import TestServers
import TestSupport
import Testing

/// The servers that libcurl's transport accepts over TLS.
@Suite(.ownLoop, .timeLimit(.minutes(30)))
struct CurlTLSTests {
  private let server: LoopbackServer

  init() throws { server = try LoopbackServer { Reply(200, body: $0.body) } }

  private func post(_ front: TLSFront, _ transport: CurlTransport) async throws -> HTTPResponse {
    let url = try #require(URL(string: "\(front.origin)/path"))
    return try await transport.send(
      HTTPRequest(method: .post, url: url, body: Array("a secret".utf8), timeout: .seconds(60)))
  }

  private func expectRefusal(of front: TLSFront, _ transport: CurlTransport) async {
    let error = await #expect(throws: HTTPError.self) { try await post(front, transport) }
    #expect(error?.reason == .tls, "\(error?.detail ?? "")")
    #expect(server.requests.isEmpty)
  }

  @Test("A certificate for the host's name from a trusted authority is accepted", arguments: ["1.2", "1.3"])
  func accepted(version: String) async throws {
    defer { server.stop() }
    let front = try TLSFront(before: server, version: version)
    let transport = CurlTransport(connectTimeout: .seconds(60), certificateAuthorities: front.authorities)
    #expect(try await post(front, transport).body == Array("a secret".utf8))
    #expect(server.requests.map(\.target) == ["/path"])
  }

  @Test("Connections are kept and reused")
  func keepAlive() async throws {
    defer { server.stop() }
    let front = try TLSFront(before: server)
    let transport = CurlTransport(connectTimeout: .seconds(60), certificateAuthorities: front.authorities)
    for _ in 0..<5 { _ = try await post(front, transport) }
    #expect(server.requests.count == 5)
    #expect(server.connectionCount == 1)
  }

  @Test("A certificate from an untrusted authority is refused, and nothing is sent")
  func unknownAuthority() async throws {
    defer { server.stop() }
    let front = try TLSFront(before: server)
    let stranger = try TLSFront(before: server)
    await expectRefusal(
      of: front, CurlTransport(connectTimeout: .seconds(60), certificateAuthorities: stranger.authorities))
    // The certificate is not from one of the system's authorities either.
    await expectRefusal(of: front, CurlTransport(connectTimeout: .seconds(60)))
  }

  @Test("A certificate for another name is refused, and nothing is sent", arguments: ["elsewhere.test", "ocalhost"])
  func wrongName(name: String) async throws {
    defer { server.stop() }
    let front = try TLSFront(before: server, name: name)
    await expectRefusal(
      of: front, CurlTransport(connectTimeout: .seconds(60), certificateAuthorities: front.authorities))
  }

  @Test("An expired certificate is refused, and nothing is sent")
  func expired() async throws {
    defer { server.stop() }
    let front = try TLSFront(before: server, isExpired: true)
    await expectRefusal(
      of: front, CurlTransport(connectTimeout: .seconds(60), certificateAuthorities: front.authorities))
  }

  @Test("With an unreadable file of authorities every server is refused")
  func missingAuthorities() async throws {
    defer { server.stop() }
    let front = try TLSFront(before: server)
    await expectRefusal(
      of: front, CurlTransport(connectTimeout: .seconds(60), certificateAuthorities: "/no/such/file.pem"))
  }

  @Test("TLS 1.1 is refused even if OpenSSL's configuration allows it")
  func oldVersions() async {
    await #expect(processExitsWith: .success) {
      // Debian's own configuration refuses TLS 1.1 too, which would hide a failure here.
      let configuration = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).cnf")
      defer { try? FileManager.default.removeItem(at: configuration) }
      let text = """
        openssl_conf = main
        [main]
        ssl_conf = ssl
        [ssl]
        system_default = defaults
        [defaults]
        MinProtocol = TLSv1
        CipherString = ALL:@SECLEVEL=0
        """
      try Data(text.utf8).write(to: configuration)
      setenv("OPENSSL_CONF", configuration.path, 1)
      let tests = try CurlTLSTests()
      let old = try TLSFront(before: tests.server, version: "1.1")
      await tests.expectRefusal(
        of: old, CurlTransport(connectTimeout: .seconds(60), certificateAuthorities: old.authorities))
      let new = try TLSFront(before: tests.server, version: "1.2")
      #expect(
        try await tests.post(new, CurlTransport(connectTimeout: .seconds(60), certificateAuthorities: new.authorities))
          .status == 200)
    }
  }

  @Test("The connect timeout covers the TLS handshake")
  func handshakeTimeout() async throws {
    // Linux completes the TCP connection; no process accepts it, so no TLS message is answered.
    let silent = try Socket.listen()
    defer { Socket.close(silent.descriptor) }
    let url = try #require(URL(string: "https://127.0.0.1:\(silent.port)/"))
    let start = ContinuousClock.now
    let error = await #expect(throws: HTTPError.self) {
      try await CurlTransport(connectTimeout: .seconds(1)).send(
        HTTPRequest(method: .get, url: url, timeout: .seconds(600)))
    }
    #expect(error?.reason == .cannotConnect)
    #expect(start.duration(to: .now) < .seconds(300))
  }
}
