import Foundation
import HTTP
import TestServers
import Testing

@testable import AWS

/// Asynchronous invocations of functions.
@Suite(.timeLimit(.minutes(10)))
struct LambdaAPITests {
  private let event = Array(#"{"room":"r"}"#.utf8)

  @Test("An event is posted to the function's path, signed for Lambda")
  func invoke() async throws {
    let server = try LoopbackServer(Reply(202))
    defer { server.stop() }
    try await LambdaAPI(AWSConfiguration(server)).invoke("deliver", payload: event)
    let request = try #require(server.requests.first)
    #expect(request.method == "POST")
    #expect(request.target == "/2015-03-31/functions/deliver/invocations")
    #expect(request.headers["X-Amz-Invocation-Type"] == "Event")
    #expect(request.headers["Content-Type"] == "application/json")
    #expect(request.body == event)
    #expect(request.headers["Authorization"]?.contains("/us-east-1/lambda/aws4_request") == true)
  }

  @Test(
    "A function is named by name or ARN",
    arguments: [
      ("chat-deliver:live", "chat-deliver%3Alive"),
      ("arn:aws:lambda:us-east-1:1:function:f", "arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af"),
      ("../a?b", "..%2Fa%3Fb"),
    ])
  func names(name: String, segment: String) async throws {
    let server = try LoopbackServer(Reply(202))
    defer { server.stop() }
    try await LambdaAPI(AWSConfiguration(server)).invoke(name, payload: event)
    #expect(server.requests.map(\.target) == ["/2015-03-31/functions/\(segment)/invocations"])
  }

  @Test("Errors of the service are AWSErrors with its code, and those that may pass are retried")
  func errors() async throws {
    let server = try LoopbackServer(
      .error(500, "ServiceException"), .error(429, "TooManyRequestsException"),
      Reply(
        404, headers: ["x-amzn-ErrorType": "ResourceNotFoundException"],
        text: #"{"Type":"User","Message":"Function not found"}"#))
    defer { server.stop() }
    let error = await failure(AWSError.self) {
      try await LambdaAPI(AWSConfiguration(server)).invoke("f", payload: event)
    }
    #expect(error?.code == "ResourceNotFoundException")
    #expect(error?.message == "Function not found")
    #expect((error?.service, error?.operation) == ("Lambda", "Invoke"))
    #expect((error?.attempts, server.requests.count) == (3, 3))
  }

  @Test("A success that is not Lambda's answer to an event is an error", arguments: [200, 204])
  func proxy(status: Int) async throws {
    let server = try LoopbackServer(Reply(status))
    defer { server.stop() }
    let error = await failure(AWSError.self) {
      try await LambdaAPI(AWSConfiguration(server)).invoke("f", payload: event)
    }
    #expect(error?.code == AWSError.invalidResponse)
  }

  @Test("The endpoint is the region's unless the environment sets it")
  func endpoints() async throws {
    func url(_ environment: [String: String], region: String = "eu-west-1") async throws -> String? {
      let transport = AcceptingTransport()
      let credentials = ["AWS_REGION": region, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
      let configuration = try AWSConfiguration(
        environment: credentials.merging(environment) { $1 }, transport: transport)
      try await LambdaAPI(configuration).invoke("f", payload: event)
      return transport.recorder.urls.first
    }
    let path = "/2015-03-31/functions/f/invocations"
    #expect(try await url([:]) == "https://lambda.eu-west-1.amazonaws.com" + path)
    #expect(try await url([:], region: "cn-north-1") == "https://lambda.cn-north-1.amazonaws.com.cn" + path)
    let all = ["AWS_ENDPOINT_URL": "http://localhost:4566"]
    #expect(try await url(all) == "http://localhost:4566" + path)
    let own = all.merging(["AWS_ENDPOINT_URL_LAMBDA": "http://localhost:9001/base/"]) { $1 }
    #expect(try await url(own) == "http://localhost:9001/base" + path)
    #expect(try await url(["AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:1"])?.hasPrefix("https://lambda.") == true)
    await #expect(throws: ConfigurationError.self) { try await url(["AWS_ENDPOINT_URL_LAMBDA": "localhost"]) }
  }

  /// Answers every request as Lambda does.
  private final class AcceptingTransport: HTTPTransport {
    let recorder = RecordingTransport()

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      _ = try await recorder.send(request)
      return HTTPResponse(status: 202)
    }
  }

  @Test("The retries of events do not use up those of the table")
  func ownRetries() async throws {
    let table = Script([.error(500, "InternalServerError"), Reply(200, text: #"{"Items":[]}"#)])
    let server = try LoopbackServer { request in
      request.headers["X-Amz-Target"] == nil ? .error(500, "ServiceException") : table.next()
    }
    defer { server.stop() }
    let configuration = try AWSConfiguration(server)
    let api = try LambdaAPI(configuration)
    // 500 tokens pay for 100 retries, two for each of the first 50 events.
    for _ in 0..<60 { _ = await failure(AWSError.self) { try await api.invoke("f", payload: event) } }
    #expect(server.requests.count == 60 + 100)
    _ = try await DynamoDB(configuration).scan(table: "t", attributes: ["id"])
    #expect(server.requests.count == 60 + 100 + 2)
  }
}
