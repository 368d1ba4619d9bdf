import Foundation
import TestServers
import TestSupport
import Testing

/// `bootstrap` within Lambda: the real process on an emulated Runtime API.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct LambdaTests {
  @Test(
    "A configuration error is posted to init/error with its type and a sentence; exit code 1",
    arguments: [
      ("TABLE_NAME", nil, "TABLE_NAME is not set"), ("AWS_REGION", nil, "AWS_REGION is not set"),
      ("AWS_REGION", "us east", "AWS_REGION contains a space"), ("AWS_ACCESS_KEY_ID", nil, "AWS_ACCESS_KEY_ID"),
      ("AWS_ENDPOINT_URL_DYNAMODB", "nonsense", "AWS_ENDPOINT_URL_DYNAMODB"),
      ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "ftp://x", "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"),
      ("AWS_MAX_ATTEMPTS", "0", "AWS_MAX_ATTEMPTS is \"0\""),
      ("AWS_LAMBDA_MAX_CONCURRENCY", "many", "AWS_LAMBDA_MAX_CONCURRENCY is \"many\""),
      ("AWS_LAMBDA_MAX_CONCURRENCY", "0", "AWS_LAMBDA_MAX_CONCURRENCY is \"0\""),
      ("AWS_CA_BUNDLE", "/no/such/file.pem", "AWS_CA_BUNDLE is \"/no/such/file.pem\""),
    ] as [(String, String?, String)])
  func initErrors(name: String, value: String?, sentence: String) async throws {
    let emulator = try RuntimeAPIEmulator()
    let result = try await BootstrapProcess(serving: emulator, [name: value]).result()
    #expect(result.code == 1)
    let answer = try #require(emulator.answers.first)
    #expect(answer.call == .initError)
    #expect(answer.request.headers["Lambda-Runtime-Function-Error-Type"] == "Runtime.ConfigurationError")
    let body = String(decoding: answer.request.body, as: UTF8.self)
    struct Body: Decodable { let errorMessage: String }
    let message = try JSONDecoder().decode(Body.self, from: Data(body.utf8)).errorMessage
    #expect(message.contains(sentence))
    #expect(result.errors.contains("FATAL"))
    #expect(!(result.errors + body).contains("secret-of-the-test"))
    #expect(emulator.calls == [.initError])
  }

  @Test("A broken sandbox ends the process with exit code 1 and a last line")
  func brokenSandbox() async throws {
    let emulator = try RuntimeAPIEmulator { _, _ in RuntimeAPIEmulator.errorReply(500, "Container", "broken") }
    let result = try await BootstrapProcess(serving: emulator).result()
    #expect(result.code == 1)
    #expect(result.errors.split(separator: "\n").last?.contains("HTTP 500: Container: broken") == true)
  }

  @Test("SIGTERM while idle: exit code 0 at once")
  func terminateIdle() async throws {
    let emulator = try RuntimeAPIEmulator()
    let process = try BootstrapProcess(serving: emulator)
    #expect(await emulator.calls(count: 1) == [.next])
    let start = ContinuousClock.now
    process.send(SIGTERM)
    let result = try await process.result()
    #expect(start.duration(to: .now) < .seconds(60))
    #expect(result.code == 0, "\(result.errors)")
    #expect(emulator.calls == [.next])
  }

  @Test("SIGTERM during an invocation: it is finished and answered, then exit code 0")
  func terminateBusy() async throws {
    let dynamoDB = try LoopbackServer { _ in Reply(200, text: "{}").with(.trickle(bytes: 20, pause: .milliseconds(200)))
    }
    defer { dynamoDB.stop() }
    let emulator = try RuntimeAPIEmulator([
      .init("a", BootstrapProcess.connectEvent), .init("b", BootstrapProcess.connectEvent),
    ])
    let process = try BootstrapProcess(serving: emulator, ["AWS_ENDPOINT_URL": "http://\(dynamoDB.address)"])
    while dynamoDB.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    process.send(SIGTERM)
    let result = try await process.result()
    #expect(result.code == 0, "\(result.errors)")
    #expect(emulator.calls == [.next, .response("a")])
    #expect(
      emulator.answers.first.map { String(decoding: $0.request.body, as: UTF8.self) }?.contains("Connected.") == true)
  }

  @Test("JSON log lines name the request and contain neither payload nor credentials")
  func logs() async throws {
    struct Line: Decodable { let level: String, message: String, requestId: String?, errorType: String? }
    let emulator = try RuntimeAPIEmulator([
      .init("a", #"{"requestContext":{"connectionId":"a="},"body":"payload-of-the-test"}"#),
      .init("b", "payload-of-the-test"),
    ])
    let process = try BootstrapProcess(
      serving: emulator,
      [
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "TRACE",
        "AWS_MAX_ATTEMPTS": "1",
      ])
    let answers = await emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.response("a"), .error("b")])
    process.send(SIGTERM)
    let errors = try await process.result().errors
    let lines = try errors.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    #expect(lines.contains { $0.requestId == "a" && $0.level == "ERROR" && $0.errorType == "AWSError" })
    #expect(lines.contains { $0.requestId == "b" && $0.errorType == "InvalidEvent" })
    for secret in ["payload-of-the-test", "secret-of-the-test", "token-of-the-test"] {
      #expect(!errors.contains(secret))
    }
  }

  @Test("Each broadcast writes one line of metrics to the log")
  func metrics() async throws {
    struct Line: Decodable { let FunctionName: String, Messages: Double, Reached: Double, Gone: Double, Failed: Double }
    let aws = try LoopbackServer { request in
      if request.target.contains("@connections/gone") { return Reply(410) }
      guard request.headers["X-Amz-Target"]?.hasSuffix("Query") == true else { return Reply(200, text: "{}") }
      return Reply(200, text: #"{"Items":[{"connectionId":{"S":"live"}},{"connectionId":{"S":"gone"}}]}"#)
    }
    defer { aws.stop() }
    let event = #"{"requestContext":{"connectionId":"live","stage":"dev","apiId":"x"},"body":"{}"}"#
    let emulator = try RuntimeAPIEmulator([.init("a", event)])
    let process = try BootstrapProcess(
      serving: emulator,
      [
        "AWS_ENDPOINT_URL": "http://\(aws.address)",
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://\(aws.address)/{stage}", "_HANDLER": "message",
        "AWS_LAMBDA_FUNCTION_NAME": "chat-message",
      ])
    #expect(await emulator.answers(count: 1).map(\.call) == [.response("a")])
    process.send(SIGTERM)
    let errors = try await process.result().errors
    let lines = errors.split(separator: "\n").filter { $0.contains("_aws") }
    #expect(lines.count == 1, "\(errors)")
    let line = try JSONDecoder().decode(Line.self, from: Data(try #require(lines.first).utf8))
    #expect(line.FunctionName == "chat-message")
    #expect([line.Messages, line.Reached, line.Gone, line.Failed] == [1, 1, 1, 0])
  }

  @Test(
    "The handler's name selects the route, otherwise the event does", arguments: ["message.handler", "bootstrap", ""])
  func routes(handler: String) async throws {
    let dynamoDB = try LoopbackServer { _ in Reply(200, text: "{}") }
    defer { dynamoDB.stop() }
    let emulator = try RuntimeAPIEmulator([
      .init("a", BootstrapProcess.connectEvent), .init("b", #"{"requestContext":{"connectionId":"a"}}"#),
    ])
    let process = try BootstrapProcess(
      serving: emulator, ["AWS_ENDPOINT_URL": "http://\(dynamoDB.address)", "_HANDLER": handler])
    let answers = await emulator.answers(count: 2).map { String(decoding: $0.request.body, as: UTF8.self) }
    process.send(SIGTERM)
    _ = try await process.result()
    if handler == "message.handler" {
      #expect(answers.allSatisfy { $0.contains("400") })
    } else {
      #expect(answers.first?.contains("Connected.") == true)
      #expect(answers.last?.contains("No handler for the event") == true)
    }
  }

  @Test("Without a handler's name the route key of a message selects the action")
  func routeKeys() async throws {
    let aws = try LoopbackServer { request in
      if request.target.contains("@connections") { return Reply(200) }
      let operation = request.headers["X-Amz-Target"] ?? ""
      return Reply(200, text: operation.hasSuffix("Query") ? #"{"Items":[]}"# : "{}")
    }
    defer { aws.stop() }
    let events = ["who", "history", "send", "$default", "connect"].enumerated().map { number, key in
      RuntimeAPIEmulator.Event(
        "\(number)",
        #"{"requestContext":{"connectionId":"a=","eventType":"MESSAGE","routeKey":"\#(key)"},"body":"{\"message\":1}"}"#
      )
    }
    let emulator = try RuntimeAPIEmulator(events)
    let process = try BootstrapProcess(
      serving: emulator,
      [
        "AWS_ENDPOINT_URL": "http://\(aws.address)",
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://\(aws.address)/dev", "_HANDLER": "bootstrap",
        "MESSAGES_TABLE_NAME": "Messages",
      ])
    let answers = await emulator.answers(count: events.count).map { String(decoding: $0.request.body, as: UTF8.self) }
    process.send(SIGTERM)
    _ = try await process.result()
    let sent = #"{"body":"Message sent.","statusCode":200}"#
    #expect(answers == [#"{"statusCode":200}"#, #"{"statusCode":200}"#, #"{"statusCode":200}"#, sent, sent])
    let posts = aws.requests.filter { $0.target.contains("@connections") }
      .map { String(decoding: $0.body, as: UTF8.self).prefix(19) }
    #expect(
      posts
        == [
          #"{"type":"who","users"#, #"{"type":"history","m"#, #"{"type":"message","i"#, #"{"message":1}"#,
          #"{"message":1}"#,
        ].map { $0.prefix(19) })
  }

  @Test(
    "Functions that keep or read messages do not start without the name of the table", arguments: ["send", "enter"])
  func messagesTable(handler: String) async throws {
    let emulator = try RuntimeAPIEmulator()
    let process = try BootstrapProcess(serving: emulator, ["_HANDLER": handler])
    let answer = try #require(await emulator.answers(count: 1).first)
    #expect(answer.call == .initError)
    #expect(String(decoding: answer.request.body, as: UTF8.self).contains("MESSAGES_TABLE_NAME is not set"))
    #expect(try await process.result().code == 1)
    let second = try RuntimeAPIEmulator()
    let silent = try BootstrapProcess(serving: second, ["_HANDLER": handler, "HISTORY_DAYS": "0"])
    #expect(await second.calls(count: 1) == [.next])
    silent.send(SIGTERM)
    #expect(try await silent.result().code == 0)
  }
}
