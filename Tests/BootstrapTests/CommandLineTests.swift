import Foundation
import TestServers
import TestSupport
import Testing

/// `bootstrap` outside Lambda.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct CommandLineTests {
  private static let events = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Events")

  private func run(_ arguments: [String], environment: [String: String] = [:], input: String? = nil) async throws
    -> BootstrapProcess.Result
  {
    try await BootstrapProcess(arguments, environment: environment, input: input).result()
  }

  @Test("--help and --version print to standard output")
  func help() async throws {
    let help = try await run(["--help"])
    #expect(help.code == 0)
    #expect(help.output.hasPrefix("usage: bootstrap HANDLER EVENT.json"))
    let version = try await run(["--version"])
    #expect(version.code == 0)
    #expect(version.output.wholeMatch(of: /swift-lambda-websocket-chat \d+\.\d+\.\d+\n/) != nil)
  }

  @Test(
    "Wrong use is one line and exit code 64",
    arguments: [[], ["connect"], ["conect", "event.json"], ["connect", "a", "b"], ["--unknown"]])
  func usage(arguments: [String]) async throws {
    let result = try await run(arguments)
    #expect(result.code == 64)
    #expect(result.output.isEmpty)
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(result.errors.hasPrefix("bootstrap: "))
  }

  @Test("An unreadable event file is named, exit code 66", arguments: ["/no/such/event.json", "/"])
  func missingFile(path: String) async throws {
    let result = try await run(["connect", path])
    #expect(result.code == 66)
    #expect(result.errors.hasPrefix("bootstrap: \(path) cannot be read: "))
  }

  @Test("An event that is not JSON is named, exit code 65")
  func notJSON() async throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json")
    try Data("{".utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let result = try await run(["connect", file.path])
    #expect(result.code == 65)
    #expect(result.errors == "bootstrap: \(file.path) is not JSON.\n")
    let standardInput = try await run(["connect", "-"], input: "{")
    #expect(standardInput.code == 65)
    #expect(standardInput.errors == "bootstrap: standard input is not JSON.\n")
  }

  @Test("A byte-order mark before an event is accepted, as in Lambda", arguments: ["utf-8", "utf-16le", "utf-16be"])
  func byteOrderMark(encoding: String) async throws {
    let server = try LoopbackServer { _ in Reply(200, text: "{}") }
    defer { server.stop() }
    let text = "\u{FEFF}" + BootstrapProcess.connectEvent
    let bytes =
      switch encoding {
      case "utf-16le": text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
      case "utf-16be": text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
      default: Array(text.utf8)
      }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json")
    try Data(bytes).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    var environment = BootstrapProcess.environment
    environment["AWS_ENDPOINT_URL"] = "http://\(server.address)"
    let result = try await run(["connect", file.path], environment: environment)
    #expect(result.output == #"{"body":"Connected.","statusCode":200}"# + "\n", "\(result.errors)")
  }

  @Test("Requests are signed even if libcrypto's configuration loads no algorithm")
  func noProvider() async throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).cnf")
    try Data("openssl_conf=i\n[i]\nproviders=p\n[p]\nnull=n\n[n]\nactivate=1\n".utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let server = try LoopbackServer { _ in Reply(200, text: "{}") }
    defer { server.stop() }
    var environment = BootstrapProcess.environment
    environment["AWS_ENDPOINT_URL"] = "http://\(server.address)"
    environment["OPENSSL_CONF"] = file.path
    let result = try await run(["connect", "-"], environment: environment, input: BootstrapProcess.connectEvent)
    #expect(result.output == #"{"body":"Connected.","statusCode":200}"# + "\n")
    #expect(server.requests.first?.headers["Authorization"]?.contains("Signature=") == true)
  }

  @Test(
    "A missing environment variable is named, exit code 78",
    arguments: ["TABLE_NAME", "AWS_REGION", "AWS_ACCESS_KEY_ID"])
  func environment(name: String) async throws {
    var environment = BootstrapProcess.environment
    environment[name] = nil
    let result = try await run(["connect", "-"], environment: environment, input: "{}")
    #expect(result.code == 78)
    #expect(result.errors.contains(name))
    #expect(!result.errors.contains("secret-of-the-test"))
  }

  @Test("Runs one event against the endpoints of the environment and prints the response")
  func invoke() async throws {
    let server = try LoopbackServer { _ in Reply(200, text: "{}") }
    defer { server.stop() }
    var environment = BootstrapProcess.environment
    environment["AWS_ENDPOINT_URL"] = "http://\(server.address)"
    let file = Self.events.appendingPathComponent("connect.json")
    let fromFile = try await run(["connect", file.path], environment: environment)
    #expect(fromFile.code == 0, "\(fromFile.errors)")
    #expect(fromFile.output == #"{"body":"Connected.","statusCode":200}"# + "\n")
    let event = try String(contentsOf: file, encoding: .utf8)
    let fromInput = try await run(["connect", "-"], environment: environment, input: event)
    #expect(fromInput.output == fromFile.output)
    #expect(
      server.requests.map { $0.headers["X-Amz-Target"] } == ["DynamoDB_20120810.PutItem", "DynamoDB_20120810.PutItem"])
    #expect(
      server.requests.allSatisfy { $0.headers["Authorization"]?.contains("/us-east-1/dynamodb/aws4_request") == true })
  }

  @Test("An event that is not from a WebSocket API is rejected with its missing field, exit code 1")
  func otherEvent() async throws {
    let file = Self.events.appendingPathComponent("not-a-websocket-event.json")
    let result = try await run(["message", file.path], environment: BootstrapProcess.environment)
    #expect(result.code == 1)
    #expect(result.errors.contains("requestContext.connectionId is missing"))
  }
}
