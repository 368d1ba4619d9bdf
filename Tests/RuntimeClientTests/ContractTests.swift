import Foundation
import HTTP
import RuntimeClient
import Synchronization
import TestServers
import TestSupport
import Testing

/// The calls as the service documents them: paths, headers, bodies, the invocation's context.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct ContractTests {
  @Test("Passes an event to the handler and posts the response to the documented path")
  func response() async throws {
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("id-1", #"{"a":1}"#)])) { payload, _ in
      payload + Array("!".utf8)
    }
    let answer = try #require(await harness.emulator.answers(count: 1).first)
    #expect(answer.call == .response("id-1"))
    #expect(answer.text == #"{"a":1}!"#)
    #expect(answer.request.target == "/2018-06-01/runtime/invocation/id-1/response")
    #expect(harness.emulator.requests.first?.target == "/2018-06-01/runtime/invocation/next")
    #expect(harness.emulator.requests.first?.method == "GET")
  }

  @Test("Every request names the project and its version")
  func userAgent() async throws {
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("id-1")]))
    _ = await harness.emulator.answers(count: 1)
    for request in harness.emulator.requests {
      #expect(request.headers["User-Agent"]?.wholeMatch(of: /swift-lambda-websocket-chat\/\d+\.\d+\.\d+/) != nil)
    }
  }

  @Test("The context has the values of the header fields and the environment", arguments: [true, false])
  func context(present: Bool) async throws {
    let headers: HTTPHeaders =
      present
      ? [
        "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
        "Lambda-Runtime-Client-Context": #"{"client":{}}"#, "Lambda-Runtime-Cognito-Identity": #"{"id":"x"}"#,
        "Lambda-Runtime-Aws-Tenant-Id": "tenant-1",
      ] : ["Lambda-Runtime-Invoked-Function-Arn": ""]
    let event = RuntimeAPIEmulator.Event("id-1", timeout: 7, headers: headers)
    let seen = Mutex<InvocationContext?>(nil)
    let environment = [
      "AWS_LAMBDA_FUNCTION_NAME": "chat", "AWS_LAMBDA_FUNCTION_VERSION": "3", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    ]
    let harness = try RuntimeHarness(RuntimeAPIEmulator([event]), function: present ? environment : [:]) { _, context in
      seen.withLock { $0 = context }
      context.logger.info("here")
      return []
    }
    _ = await harness.emulator.answers(count: 1)
    let context = try #require(seen.withLock { $0 })
    #expect(context.requestID == "id-1")
    #expect(context.remainingTime > .seconds(4) && context.remainingTime <= .seconds(7))
    #expect(context.invokedFunctionARN == (present ? "arn:aws:lambda:us-east-1:123456789012:function:chat" : nil))
    #expect(context.traceID == headers["Lambda-Runtime-Trace-Id"])
    #expect(context.clientContext == headers["Lambda-Runtime-Client-Context"])
    #expect(context.cognitoIdentity == headers["Lambda-Runtime-Cognito-Identity"])
    #expect(context.tenantID == headers["Lambda-Runtime-Aws-Tenant-Id"])
    #expect(context.function.name == (present ? "chat" : ""))
    #expect(context.function.version == (present ? "3" : ""))
    #expect(context.function.memoryMB == (present ? 256 : nil))
    let line = try #require(harness.log.first { $0.contains("here") })
    #expect(line.contains("\tid-1\tINFO\there"))
    #expect(line.contains("tenantId=tenant-1") == present)
  }

  @Test("A handler's error goes out with the documented body, type and content type, and the cause for X-Ray")
  func handlerError() async throws {
    struct Mishap: Error, CustomStringConvertible { let description = "line 1\nline \"2\" \u{7F}\u{0} ü 🦆" }
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("id-1")])) { _, _ in throw Mishap() }
    let answer = try #require(await harness.emulator.answers(count: 1).first)
    #expect(answer.call == .error("id-1"))
    #expect(answer.request.target == "/2018-06-01/runtime/invocation/id-1/error")
    #expect(answer.request.headers["Content-Type"] == "application/vnd.aws.lambda.error+json")
    #expect(answer.request.headers["Lambda-Runtime-Function-Error-Type"] == "Mishap")
    let body = try answer.error()
    #expect(body.errorMessage == Mishap().description)
    #expect(body.errorType == "Mishap")
    #expect(body.stackTrace.isEmpty)

    struct Cause: Decodable {
      struct Exception: Decodable { let message: String, type: String }
      let working_directory: String
      let exceptions: [Exception]
      let paths: [String]
    }
    let header = try #require(answer.request.headers["Lambda-Runtime-Function-XRay-Error-Cause"])
    #expect(header.utf8.allSatisfy { (0x20...0x7E).contains($0) })
    let cause = try JSONDecoder().decode(Cause.self, from: Data(header.utf8))
    #expect(cause.working_directory == FileManager.default.currentDirectoryPath)
    #expect(cause.exceptions.map(\.message) == [Mishap().description])
    #expect(cause.exceptions.map(\.type) == ["Mishap"])
    #expect(cause.paths.isEmpty)
  }

  @Test("An error of the runtime's own type that a handler throws is the function's error like any other")
  func handlerThrowsRuntimeError() async throws {
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("id-1")])) { _, _ in
      throw RuntimeError.status(500, call: "elsewhere", message: "m")
    }
    let answer = try #require(await harness.emulator.answers(count: 1).first)
    #expect(answer.call == .error("id-1"))
    #expect(try answer.error().errorType == "RuntimeError")
  }

  @Test("The cause for X-Ray is left out when it would be 1 MiB, and the error still arrives")
  func longCause() async throws {
    // Each of these takes 6 bytes of the header and 2 of the body.
    let message = String(repeating: "ü", count: 400_000)
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("id-1")])) { _, _ in
      throw FunctionError(type: "Long", message: message)
    }
    let answer = try #require(await harness.emulator.answers(count: 1).first)
    #expect(try answer.error().errorMessage.hasPrefix("üüü"))
    #expect(answer.request.headers["Lambda-Runtime-Function-Error-Type"] == "Long")
    let cause = answer.request.headers["Lambda-Runtime-Function-XRay-Error-Cause"]
    #expect((cause?.utf8.count ?? 0) < 1_048_576)
  }

  @Test("Characters of an error type that a header field cannot hold are replaced")
  func oddErrorType() async throws {
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("id-1")])) { _, _ in
      throw FunctionError(type: "A\r\nX-Injected: ü", message: "m")
    }
    let answer = try #require(await harness.emulator.answers(count: 1).first)
    #expect(answer.request.headers["Lambda-Runtime-Function-Error-Type"] == "A??X-Injected: ?")
    #expect(answer.request.headers["X-Injected"] == nil)
  }

  @Test("A response of 6,291,556 bytes is sent; one byte more is a function error and never sent")
  func responseSize() async throws {
    let sizes = ["fits": 6_291_556, "too-large": 6_291_557]
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("fits"), .init("too-large")])) { _, context in
      [UInt8](repeating: 0x20, count: sizes[context.requestID] ?? 0)
    }
    let answers = await harness.emulator.answers(count: 2)
    #expect(answers.map(\.call) == [.response("fits"), .error("too-large")])
    #expect(answers.first?.request.body.count == 6_291_556)
    #expect(try answers.last?.error().errorType == "Function.ResponseSizeTooLarge")
    #expect(try answers.last?.error().errorMessage.contains("6291557 bytes") == true)
    #expect(harness.emulator.requests.allSatisfy { $0.body.count <= 6_291_556 })
  }

  @Test("Events reach the handler unchanged: empty, not UTF-8, 6 MiB")
  func payloads() async throws {
    var events: [RuntimeAPIEmulator.Event] = [.init("empty", ""), .init("binary"), .init("large")]
    events[1].payload = [0xFF, 0xFE, 0x00, 0x0D, 0x0A]
    events[2].payload = [UInt8](repeating: 0x5B, count: 6_291_456)
    let harness = try RuntimeHarness(RuntimeAPIEmulator(events))
    let answers = await harness.emulator.answers(count: 3)
    #expect(answers.map(\.request.body) == events.map(\.payload))
  }

  @Test("An initialization error goes to its own path")
  func initError() async throws {
    let emulator = try RuntimeAPIEmulator()
    let client = try RuntimeAPIClient(
      address: emulator.address, transports: RuntimeAPITransports(), function: LambdaFunction(environment: [:]),
      logger: .init())
    try await client.failInit(
      with: FunctionError(type: "Runtime.ConfigurationError", message: "TABLE_NAME is not set."))
    let answer = try #require(emulator.answers.first)
    #expect(answer.call == .initError)
    #expect(answer.request.target == "/2018-06-01/runtime/init/error")
    #expect(answer.request.headers["Lambda-Runtime-Function-Error-Type"] == "Runtime.ConfigurationError")
    #expect(try answer.error().errorMessage == "TABLE_NAME is not set.")
  }

  @Test("An IPv6 address of the Runtime API is in brackets")
  func ipv6() async throws {
    let harness = try RuntimeHarness(RuntimeAPIEmulator([.init("id-1")], isIPv6: true))
    #expect(harness.emulator.address.hasPrefix("[::1]:"))
    #expect(await harness.emulator.answers(count: 1).map(\.call) == [.response("id-1")])
    #expect(harness.emulator.requests.allSatisfy { $0.headers["Host"] == harness.emulator.address })
  }

  @Test("An address that is more than host and port is refused")
  func address() {
    #expect(throws: RuntimeError.invalidAddress("127.0.0.1:9001/path")) {
      try RuntimeAPIClient(
        address: "127.0.0.1:9001/path", transports: RuntimeAPITransports(), function: LambdaFunction(environment: [:]),
        logger: .init())
    }
  }
}
