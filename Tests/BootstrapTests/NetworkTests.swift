import Foundation
import TestServers
import TestSupport
import Testing

/// `bootstrap` behind a proxy and with its own certificate authorities.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct NetworkTests {
  /// The answer to one connect event, and the log.
  private func connect(_ environment: [String: String?]) async throws -> (answer: String, log: String) {
    let emulator = try RuntimeAPIEmulator([.init("a", BootstrapProcess.connectEvent)])
    let process = try BootstrapProcess(
      serving: emulator, environment.merging(["AWS_MAX_ATTEMPTS": "1"]) { own, _ in own })
    let answers = await emulator.answers(count: 1)
    process.send(SIGTERM)
    let log = try await process.result().errors
    #expect(answers.map(\.call) == [.response("a")], "\(log)")
    return (answers.first.map { String(decoding: $0.request.body, as: UTF8.self) } ?? "", log)
  }

  @Test("Requests to AWS use the proxy that HTTPS_PROXY names", arguments: ["HTTPS_PROXY", "https_proxy"])
  func proxy(name: String) async throws {
    let proxy = try LoopbackServer { _ in Reply(403, text: "No.") }
    defer { proxy.stop() }
    let (answer, log) = try await connect([name: "http://\(proxy.address)"])
    #expect(proxy.requests.map { "\($0.method) \($0.target)" } == ["CONNECT dynamodb.us-east-1.amazonaws.com:443"])
    #expect(answer.contains("500"))
    #expect(log.contains("cannot connect (CONNECT tunnel failed, response 403)"), "\(log)")
  }

  @Test(
    "A proxy's user and password reach neither the log nor the answer",
    arguments: [
      "http://user-x:pass-x@127.0.0.1:1", "http://user-x:pass-x@127.0.0.1:port", "http://user-x:pass-x",
      "x://user-x:pass-x@h",
      "user-x:pass-x@127.0.0.1:1", "http://user-x:pass-x@no-such-host.invalid:1", "http://user-x:pass-x/@127.0.0.1:1",
    ])
  func proxyCredentials(proxy: String) async throws {
    let (answer, log) = try await connect(["HTTPS_PROXY": proxy])
    #expect(answer.contains("500"))
    #expect(log.contains("ERROR"))
    #expect(!(answer + log).contains("pass-x"), "\(log)")
  }

  @Test("Requests to a host in NO_PROXY do not use the proxy")
  func noProxy() async throws {
    let proxy = try LoopbackServer { _ in Reply(403) }
    defer { proxy.stop() }
    let (answer, _) = try await connect([
      "HTTPS_PROXY": "http://\(proxy.address)", "NO_PROXY": "example.com,localhost",
      "AWS_ENDPOINT_URL": "https://localhost:1",
    ])
    #expect(answer.contains("500"))
    #expect(proxy.requests.isEmpty)
  }

  @Test("A proxy for http is not asked for the Runtime API", arguments: ["http_proxy", "ALL_PROXY", "all_proxy"])
  func runtimeAPI(name: String) async throws {
    let dynamoDB = try LoopbackServer { _ in Reply(200, text: "{}") }
    defer { dynamoDB.stop() }
    let (answer, _) = try await connect([
      name: "http://127.0.0.1:1", "AWS_ENDPOINT_URL": "http://\(dynamoDB.address)",
    ])
    #expect(answer.contains("Connected."))
  }

  @Test("The authorities of AWS_CA_BUNDLE are trusted instead of the system's", arguments: [true, false])
  func authorities(isSet: Bool) async throws {
    let dynamoDB = try LoopbackServer { _ in Reply(200, text: "{}") }
    defer { dynamoDB.stop() }
    let front = try TLSFront(before: dynamoDB)
    let (answer, log) = try await connect([
      "AWS_ENDPOINT_URL": front.origin, "AWS_CA_BUNDLE": isSet ? front.authorities : "",
    ])
    #expect(answer.contains(isSet ? "Connected." : "500"))
    #expect(log.contains("TLS failure") == !isSet, "\(log)")
    #expect(dynamoDB.requests.count == (isSet ? 1 : 0))
  }
}
