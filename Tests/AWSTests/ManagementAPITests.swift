import Foundation
import HTTP
import TestServers
import Testing

@testable import AWS

/// Requests to @connections.
@Suite(.timeLimit(.minutes(10)))
struct ManagementAPITests {
  @Test("A message is posted byte for byte to the connection's path")
  func post() async throws {
    let server = try LoopbackServer(Reply(200))
    defer { server.stop() }
    let message: [UInt8] = [0x22, 0x00, 0xFF, 0x0A, 0x22]
    try await ManagementAPI(AWSConfiguration(server)).post(message, to: "L0SM9cOFvHcCIhw=")
    let request = try #require(server.requests.first)
    #expect(request.method == "POST")
    #expect(request.target == "/prod/@connections/L0SM9cOFvHcCIhw%3D")
    #expect(request.body == message)
    #expect(request.headers["Authorization"]?.contains("/us-east-1/execute-api/aws4_request") == true)
  }

  @Test("GET returns a connection's state and DELETE closes it")
  func getAndDelete() async throws {
    let server = try LoopbackServer { request in
      request.method == "GET"
        ? Reply(200, text: #"{"connectedAt":"2026-01-01T00:00:00Z","lastActiveAt":"2026-01-01T00:00:01Z"}"#)
        : Reply(204)
    }
    defer { server.stop() }
    let api = try ManagementAPI(AWSConfiguration(server))
    #expect(try await api.get("a/b").connectedAt == "2026-01-01T00:00:00Z")
    try await api.delete("a/b")
    #expect(server.requests.map(\.method) == ["GET", "DELETE"])
    #expect(server.requests.map(\.target) == ["/prod/@connections/a%2Fb", "/prod/@connections/a%2Fb"])
  }

  @Test("A proxy's page with status 200 is an error")
  func proxy() async throws {
    let server = try LoopbackServer(Reply(200, text: "<html>Welcome to the hotel</html>"))
    defer { server.stop() }
    let api = try ManagementAPI(AWSConfiguration(server))
    let error = await failure(AWSError.self) { try await api.post([], to: "a") }
    #expect(error?.code == AWSError.invalidResponse)
  }

  @Test("The endpoint is the event's domain and stage unless the environment sets it")
  func endpoints() async throws {
    func url(_ environment: [String: String], domainName: String = "abc.execute-api.eu-west-1.amazonaws.com")
      async throws
      -> String?
    {
      let recorder = RecordingTransport()
      let credentials = ["AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
      let configuration = try AWSConfiguration(
        environment: credentials.merging(environment) { $1 }, transport: recorder)
      try await ManagementAPI(configuration, domainName: domainName, stage: "$default", apiID: "abc").post([], to: "c=")
      return recorder.urls.first
    }
    #expect(
      try await url(["AWS_ENDPOINT_URL": "http://127.0.0.1:1"])
        == "https://abc.execute-api.eu-west-1.amazonaws.com/%24default/@connections/c%3D")
    let template = ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:4566/_aws/{apiId}/{stage}/"]
    #expect(try await url(template) == "http://127.0.0.1:4566/_aws/abc/%24default/@connections/c%3D")
    #expect(try await url(template, domainName: "") == "http://127.0.0.1:4566/_aws/abc/%24default/@connections/c%3D")
  }

  @Test(
    "A domain name that is not a host name is refused",
    arguments: [
      "", "evil.example/x?", "user@evil.example", "evil.example#", "a b", "[::1]", "é.example", "a:80", "a%2e",
    ])
  func domainName(text: String) throws {
    let configuration = try AWSConfiguration(
      environment: ["AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"],
      transport: transport)
    #expect(throws: ConfigurationError.self) {
      try ManagementAPI(configuration, domainName: text, stage: "prod", apiID: "abc")
    }
  }

  @Test("An empty stage is refused")
  func noStage() throws {
    let configuration = try AWSConfiguration(
      environment: ["AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"],
      transport: transport)
    #expect(throws: ConfigurationError.self) {
      try ManagementAPI(configuration, domainName: "example.com", stage: "", apiID: "abc")
    }
  }
}
