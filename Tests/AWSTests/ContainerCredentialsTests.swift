import Foundation
import HTTP
import Synchronization
import TestServers
import Testing

@testable import AWS

/// Credentials from a container's endpoint, over loopback.
@Suite(.timeLimit(.minutes(10)))
struct ContainerCredentialsTests {
  /// A manual clock.
  private final class Clock: Sendable {
    private let offset = Mutex(TimeInterval(0))
    var now: Date { Date(timeIntervalSinceNow: offset.withLock { $0 }) }
    func advance(by seconds: TimeInterval) { offset.withLock { $0 += seconds } }
  }

  private static func reply(_ id: String, expiresIn seconds: TimeInterval, from date: Date = Date()) -> Reply {
    let expiration = (date + seconds).formatted(.iso8601)
    return Reply(
      200,
      text: #"{"AccessKeyId":"\#(id)","SecretAccessKey":"s","Token":"t","Expiration":"\#(expiration)","RoleArn":"r"}"#)
  }

  private func provider(
    _ server: LoopbackServer, _ environment: [String: String] = [:], clock: Clock = Clock()
  ) throws -> ContainerCredentials {
    let uri = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://\(server.address)/role?a=b"]
    return try #require(
      try ContainerCredentials(
        environment: Environment(uri.merging(environment) { $1 }), transport: transport, now: { clock.now }))
  }

  @Test("The request carries the token, and the response's credentials are returned")
  func fetch() async throws {
    let server = try LoopbackServer(Self.reply("ID1", expiresIn: 3600))
    defer { server.stop() }
    let provider = try provider(server, ["AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic abc"])
    #expect(
      try await provider.credentials() == Credentials(accessKeyID: "ID1", secretAccessKey: "s", sessionToken: "t"))
    let request = try #require(server.requests.first)
    #expect(request.method == "GET")
    #expect(request.target == "/role?a=b")
    #expect(request.headers["Authorization"] == "Basic abc")
  }

  @Test("The token file is read for each request, without its line end")
  func tokenFile() async throws {
    let server = try LoopbackServer(Self.reply("ID1", expiresIn: 3600))
    defer { server.stop() }
    let file = FileManager.default.temporaryDirectory.appending(path: "token-\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    let clock = Clock()
    let provider = try provider(
      server,
      [
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file.path(), "AWS_CONTAINER_AUTHORIZATION_TOKEN": "not this",
      ], clock: clock)

    let error = await failure(ConfigurationError.self) { _ = try await provider.credentials() }
    #expect(error?.description.contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") == true)
    for token in ["first", "second"] {
      try Data("\(token)\n".utf8).write(to: file)
      _ = try await provider.credentials()
      clock.advance(by: 3400)
    }
    #expect(server.requests.map { $0.headers["Authorization"] } == ["first", "second"])
  }

  @Test("Credentials are cached until five minutes before they expire")
  func refreshesAhead() async throws {
    let server = try LoopbackServer(Self.reply("ID1", expiresIn: 3600), Self.reply("ID2", expiresIn: 7200))
    defer { server.stop() }
    let clock = Clock()
    let provider = try provider(server, clock: clock)
    for _ in 0..<3 { #expect(try await provider.credentials().accessKeyID == "ID1") }
    clock.advance(by: 3200)
    #expect(try await provider.credentials().accessKeyID == "ID1")
    #expect(server.requests.count == 1)
    clock.advance(by: 120)
    #expect(try await provider.credentials().accessKeyID == "ID2")
    #expect(server.requests.count == 2)
  }

  @Test("Concurrent callers share one request")
  func shared() async throws {
    let server = try LoopbackServer(
      Self.reply("ID1", expiresIn: 3600).with(.trickle(bytes: 1000, pause: .milliseconds(200))))
    defer { server.stop() }
    let provider = try provider(server)
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<50 { group.addTask { try await provider.credentials().accessKeyID } }
      for try await id in group { #expect(id == "ID1") }
    }
    #expect(server.requests.count == 1)
  }

  @Test("Cancelling one caller does not cancel the shared request")
  func cancelledCaller() async throws {
    let server = try LoopbackServer(
      Self.reply("ID1", expiresIn: 3600).with(.trickle(bytes: 1000, pause: .milliseconds(200))))
    defer { server.stop() }
    let provider = try provider(server)
    let first = Task { try await provider.credentials() }
    while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    first.cancel()
    #expect(try await provider.credentials().accessKeyID == "ID1")
    #expect(server.requests.count == 1)
  }

  @Test("Valid credentials stay in use after a failed refresh, which is retried every 30 seconds")
  func failedRefresh() async throws {
    let clock = Clock()
    let server = try LoopbackServer(Self.reply("ID1", expiresIn: 3600), Reply(404, text: "gone"))
    defer { server.stop() }
    let provider = try provider(server, clock: clock)
    _ = try await provider.credentials()
    clock.advance(by: 3400)
    for _ in 0..<10 { #expect(try await provider.credentials().accessKeyID == "ID1") }
    #expect(server.requests.count == 2)
    clock.advance(by: 31)
    #expect(try await provider.credentials().accessKeyID == "ID1")
    #expect(server.requests.count == 3)
    clock.advance(by: 200)
    let error = await failure(AWSError.self) { _ = try await provider.credentials() }
    #expect(error?.status == 404)
  }

  @Test("After a failure the next caller sends a new request")
  func recovers() async throws {
    let server = try LoopbackServer(Reply(403), Self.reply("ID1", expiresIn: 3600))
    defer { server.stop() }
    let provider = try provider(server)
    #expect(await failure(AWSError.self) { _ = try await provider.credentials() }?.status == 403)
    #expect(try await provider.credentials().accessKeyID == "ID1")
  }

  @Test("Transient failures are retried")
  func retries() async throws {
    let server = try LoopbackServer(
      Reply(500), Reply(200).with(.reset(after: 0)), Self.reply("ID1", expiresIn: 3600))
    defer { server.stop() }
    #expect(try await provider(server).credentials().accessKeyID == "ID1")
  }

  @Test(
    "An invalid response is an error that does not quote it",
    arguments: [
      "", "{}", "<html>", #"{"AccessKeyId":"ID","SecretAccessKey":"HIDDEN","Token":"HIDDEN","Expiration":"soon"}"#,
      #"{"AccessKeyId":"ID","SecretAccessKey":"HIDDEN","Token":"HIDDEN","Expiration":0}"#,
      #"{"AccessKeyId":"","SecretAccessKey":"HIDDEN"}"#, #"{"AccessKeyId":"ID","SecretAccessKey":null}"#,
      #"{"AccessKeyId":"ID","SecretAccessKey":"HIDDEN\n"}"#, #"{"AccessKeyId":"ID","SecretAccessKey":"HID\u0000DEN"}"#,
      #"{"AccessKeyId":"ID","SecretAccessKey":"HIDDEN","Token":" HIDDEN"}"#,
      #"{"AccessKeyId":"ID","SecretAccessKey":"HIDDEN","Token":"HIDDEN","Expiration":"2001-01-01T00:00:00Z"}"#,
    ])
  func invalid(body: String) async throws {
    let server = try LoopbackServer(Reply(200, text: body))
    defer { server.stop() }
    let error = await failure(AWSError.self) { _ = try await provider(server).credentials() }
    #expect(error?.code == AWSError.invalidResponse)
    #expect("\(error as Any)".contains("HIDDEN") == false)
  }

  @Test("A token with control characters is refused and not quoted")
  func tokenInjection() async throws {
    let server = try LoopbackServer(Self.reply("ID1", expiresIn: 3600))
    defer { server.stop() }
    let error = await failure(ConfigurationError.self) {
      _ = try provider(server, ["AWS_CONTAINER_AUTHORIZATION_TOKEN": "HIDDEN\r\nX-A: b"])
    }
    #expect(error?.description == "AWS_CONTAINER_AUTHORIZATION_TOKEN contains a line break: remove it.")

    let file = FileManager.default.temporaryDirectory.appending(path: "token-\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data("HIDDEN\r\nX-A: b".utf8).write(to: file)
    let fromFile = try provider(server, ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file.path()])
    let fileError = await failure(ConfigurationError.self) { _ = try await fromFile.credentials() }
    #expect(fileError?.description.contains("contains a line break") == true)
    #expect(fileError?.description.contains("HIDDEN") == false)
    #expect(server.requests.isEmpty)
  }

  @Test(
    "Credentials without an expiration never expire",
    arguments: ["", #","Expiration":null"#, #","Expiration":"""#])
  func noExpiration(member: String) async throws {
    let server = try LoopbackServer(
      Reply(200, text: #"{"AccessKeyId":"ID1","SecretAccessKey":"s","Token":""\#(member)}"#))
    defer { server.stop() }
    let clock = Clock()
    let provider = try provider(server, clock: clock)
    for _ in 0..<3 {
      // An empty token counts as absent.
      #expect(try await provider.credentials() == Credentials(accessKeyID: "ID1", secretAccessKey: "s"))
      clock.advance(by: 365 * 86_400)
    }
    #expect(server.requests.count == 1)
  }

  @Test("An expiration with fractions of a second is accepted")
  func fractionalExpiration() async throws {
    let date = Date(timeIntervalSinceNow: 3600).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    let server = try LoopbackServer(
      Reply(200, text: #"{"AccessKeyId":"ID1","SecretAccessKey":"s","Expiration":"\#(date)"}"#))
    defer { server.stop() }
    #expect(try await provider(server).credentials().accessKeyID == "ID1")
  }

  @Test(
    "http is accepted for loopback and link-local container addresses only",
    arguments: [
      ("http://127.0.0.1/a", true), ("http://127.9.9.9:80/a", true), ("http://localhost/a", true),
      ("http://[::1]/a", true), ("http://169.254.170.2/a", true), ("http://169.254.170.23/a", true),
      ("http://[fd00:ec2::23]/a", true), ("https://example.com/a", true), ("http://example.com/a", false),
      ("http://169.254.169.254/a", false), ("http://127.0.0.1.example.com/a", false), ("http://127.0.0/a", false),
      ("http://127.0.0.x/a", false), ("http://localhost.example.com/a", false), ("ftp://127.0.0.1/a", false),
      ("/relative", false), ("http://user@127.0.0.1/a", false),
    ])
  func hosts(uri: String, isTaken: Bool) {
    let environment = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": uri]
    if isTaken {
      #expect(throws: Never.self) {
        try ContainerCredentials(environment: Environment(environment), transport: transport)
      }
    } else {
      #expect(throws: ConfigurationError.self) {
        try ContainerCredentials(environment: Environment(environment), transport: transport)
      }
    }
  }

  @Test("Precedence: keys, relative URI, full URI")
  func precedence() async throws {
    let recorder = RecordingTransport()
    let uris = [
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x",
      "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/full",
    ]
    let provider = try credentialsProvider(environment: Environment(uris), transport: recorder)
    _ = try? await provider.credentials()
    #expect(recorder.urls.first == "http://169.254.170.2/v2/credentials/x")

    let keys = uris.merging(["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]) { $1 }
    #expect(
      try await credentialsProvider(environment: Environment(keys), transport: recorder).credentials().accessKeyID
        == "a")
    #expect(throws: ConfigurationError.self) {
      try credentialsProvider(
        environment: Environment(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "@evil.example/"]), transport: recorder)
    }
  }

  @Test("Service calls are signed with the credentials")
  func signing() async throws {
    let endpoint = try LoopbackServer(Self.reply("CONTAINERID", expiresIn: 3600))
    defer { endpoint.stop() }
    let service = try LoopbackServer(Reply(200))
    defer { service.stop() }
    let configuration = try AWSConfiguration(
      service,
      [
        "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://\(endpoint.address)/",
      ])
    try await ManagementAPI(configuration).post([], to: "a")
    let request = try #require(service.requests.first)
    #expect(request.headers["Authorization"]?.contains("Credential=CONTAINERID/") == true)
    #expect(request.headers["X-Amz-Security-Token"] == "t")
  }

  @Test("A call without credentials fails with the endpoint's error and is not sent")
  func noCredentials() async throws {
    let endpoint = try LoopbackServer(Reply(403, text: #"{"code":"AccessDenied","message":"not you"}"#))
    defer { endpoint.stop() }
    let service = try LoopbackServer(Reply(200))
    defer { service.stop() }
    let configuration = try AWSConfiguration(
      service,
      [
        "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://\(endpoint.address)/",
      ])
    let error = await failure(AWSError.self) { try await ManagementAPI(configuration).post([], to: "a") }
    #expect(error?.description == "ContainerCredentials GetCredentials: AccessDenied (HTTP 403): not you")
    #expect(service.requests.isEmpty)
    #expect(endpoint.requests.count == 1)
  }
}
