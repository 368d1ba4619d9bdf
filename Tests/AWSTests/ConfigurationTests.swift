import Foundation
import Testing

@testable import AWS

/// The configuration of the environment, and its errors.
@Suite struct ConfigurationTests {
  private static let complete = ["AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]

  private func error(_ environment: [String: String]) -> String? {
    do {
      _ = try AWSConfiguration(
        environment: Self.complete.merging(environment) { $1 }, transport: transport)
      return nil
    } catch {
      return error.description
    }
  }

  @Test("A complete environment is accepted")
  func complete() {
    #expect(error([:]) == nil)
    #expect(error(["AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1"]) == nil)
  }

  @Test(
    "A missing or invalid variable is named",
    arguments: [
      ("AWS_REGION", ["AWS_REGION": ""]), ("AWS_REGION", ["AWS_REGION": "evil.example/"]),
      ("AWS_REGION", ["AWS_REGION": "a.b"]), ("AWS_REGION", ["AWS_REGION": String(repeating: "a", count: 64)]),
      ("AWS_ACCESS_KEY_ID", ["AWS_ACCESS_KEY_ID": ""]), ("AWS_SECRET_ACCESS_KEY", ["AWS_SECRET_ACCESS_KEY": ""]),
      ("No AWS credentials", ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""]),
      ("AWS_MAX_ATTEMPTS", ["AWS_MAX_ATTEMPTS": "0"]), ("AWS_MAX_ATTEMPTS", ["AWS_MAX_ATTEMPTS": "three"]),
      ("AWS_MAX_ATTEMPTS", ["AWS_MAX_ATTEMPTS": "99999999999999999999"]),
    ])
  func wrong(name: String, environment: [String: String]) {
    #expect(error(environment)?.contains(name) == true)
  }

  @Test(
    "An invalid endpoint is refused at start",
    arguments: ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"],
    [
      "localhost:8000", "ftp://localhost", "http://", "http:///x", "http://a b", "http://a/?q", "http://a/#f",
      "http://u:p@a", "http://a:0", "http://a:65536", "http://a:99999999999999999999", "http://a/{region}", "%",
    ])
  func endpoint(name: String, value: String) throws {
    let message = try #require(error([name: value]))
    #expect(message.contains(name))
    #expect(!message.contains("u:p"))
  }

  @Test("Placeholders are replaced in the endpoint of @connections only")
  func placeholders() {
    #expect(error(["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "https://{apiId}.example.com/{stage}"]) == nil)
    #expect(error(["AWS_ENDPOINT_URL_DYNAMODB": "https://example.com/{stage}"]) != nil)
    #expect(error(["AWS_ENDPOINT_URL": "https://example.com/{stage}"]) != nil)
  }
}
