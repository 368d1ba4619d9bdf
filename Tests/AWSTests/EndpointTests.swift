import Testing

@testable import AWS

@Suite struct EndpointTests {
  @Test(
    "An endpoint may be an IPv6 address in brackets",
    arguments: [
      "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
      "AWS_ENDPOINT_URL_LAMBDA",
    ],
    ["http://[::1]", "http://[::1]:8000", "https://[2001:db8::8000]/", "http://[0:0:0:0:0:0:0:1]:1/a"])
  func ipv6(name: String, value: String) throws {
    let environment = [
      "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", name: value,
    ]
    let configuration = try AWSConfiguration(environment: environment, transport: transport)
    let services: [String: AWSService] = ["MANAGEMENTAPI": .managementAPI, "LAMBDA": .lambda]
    let service = services.first { name.hasSuffix($0.key) }?.value
    // A request always has a path.
    let text = try configuration.endpoint(service ?? .dynamoDB)?.text
    #expect(text == value || text == "\(value)/")
  }

  @Test(
    "An IPv6 address is refused if it or its port is malformed",
    arguments: [
      "http://::1:8000", "http://[::1", "http://[::1]:0", "http://[::1]:65536", "http://[]", "http://[::1]8000",
    ])
  func malformed(value: String) {
    let environment = [
      "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": value,
    ]
    #expect(throws: ConfigurationError.self) {
      try AWSConfiguration(environment: environment, transport: transport)
    }
  }
}
