import Foundation
import HTTP
import TestServers
import Testing

@testable import AWS

/// Requests to DynamoDB and decoding of its responses.
@Suite(.timeLimit(.minutes(10)))
struct DynamoDBTests {
  private func sent(by call: (DynamoDB) async throws -> Void) async throws -> (RecordedRequest, NSDictionary) {
    let server = try LoopbackServer(Reply(200, text: #"{"Items":[]}"#))
    defer { server.stop() }
    try await call(DynamoDB(AWSConfiguration(server)))
    let request = try #require(server.requests.first)
    return (request, try #require(JSONSerialization.jsonObject(with: Data(request.body)) as? NSDictionary))
  }

  @Test("PutItem sends the item")
  func put() async throws {
    let (request, body) = try await sent { dynamoDB in
      try await dynamoDB.putItem(["id": .string("é\"\n"), "n": .int(-7), "b": .bool(true)], table: "t")
    }
    #expect(request.method == "POST")
    #expect(request.target == "/")
    #expect(request.headers["Content-Type"] == "application/x-amz-json-1.0")
    #expect(request.headers["X-Amz-Target"] == "DynamoDB_20120810.PutItem")
    #expect(request.headers["Accept-Encoding"] == "identity")
    #expect(request.headers["X-Amz-Security-Token"] == "TOKEN")
    #expect(request.headers["Authorization"]?.contains("/us-east-1/dynamodb/aws4_request") == true)
    #expect(
      body == [
        "TableName": "t", "Item": ["id": ["S": "é\"\n"], "n": ["N": "-7"], "b": ["BOOL": true]],
      ] as NSDictionary)
  }

  @Test("DeleteItem sends the key and each kind of condition")
  func delete() async throws {
    let key: DynamoDB.Item = ["id": .string("a")]
    let (request, plain) = try await sent { try await $0.deleteItem(key: key, table: "t") }
    #expect(request.headers["X-Amz-Target"] == "DynamoDB_20120810.DeleteItem")
    #expect(plain == ["TableName": "t", "Key": ["id": ["S": "a"]]] as NSDictionary)

    let (_, equal) = try await sent {
      try await $0.deleteItem(key: key, table: "t", condition: .equal("timestamp", .string("now")))
    }
    #expect(
      equal == [
        "TableName": "t", "Key": ["id": ["S": "a"]], "ConditionExpression": "#c0 = :c0",
        "ExpressionAttributeNames": ["#c0": "timestamp"], "ExpressionAttributeValues": [":c0": ["S": "now"]],
      ] as NSDictionary)

    let (_, missing) = try await sent {
      try await $0.deleteItem(key: key, table: "t", condition: .missing("timestamp"))
    }
    #expect(
      missing == [
        "TableName": "t", "Key": ["id": ["S": "a"]], "ConditionExpression": "attribute_not_exists(#c0)",
        "ExpressionAttributeNames": ["#c0": "timestamp"],
      ] as NSDictionary)
  }

  @Test("Scan sends the start key and placeholders for all names")
  func scan() async throws {
    let (request, body) = try await sent {
      _ = try await $0.scan(table: "t", attributes: ["id", "timestamp"], from: ["id": .string("a")], limit: 7)
    }
    #expect(request.headers["X-Amz-Target"] == "DynamoDB_20120810.Scan")
    #expect(
      body == [
        "TableName": "t", "ProjectionExpression": "#a0, #a1", "Limit": 7,
        "ExpressionAttributeNames": ["#a0": "id", "#a1": "timestamp"], "ExclusiveStartKey": ["id": ["S": "a"]],
      ] as NSDictionary)
  }

  @Test("Scan decodes items of any type and the next page's key")
  func page() async throws {
    let server = try LoopbackServer(
      Reply(
        200,
        text: """
          {"Items":[{"id":{"S":"a"},"n":{"N":"1E400"},"b":{"BOOL":false}},{"id":{"M":{"x":{"S":"y"}}},"l":{"L":[]}},{}],
          "Count":3,"LastEvaluatedKey":{"id":{"S":"a"}},"Later":"added"}
          """))
    defer { server.stop() }
    let page = try await DynamoDB(AWSConfiguration(server)).scan(table: "t", attributes: ["id"])
    #expect(
      page.items == [
        ["id": .string("a"), "n": .number("1E400"), "b": .bool(false)], ["id": .other, "l": .other], [:],
      ])
    #expect(page.lastEvaluatedKey == ["id": .string("a")])
    #expect(page.items[0]["n"]?.int == nil)
  }

  @Test(
    "A page without its items is no empty page", arguments: [#"{"Count":0}"#, #"{"Items":null}"#, #"{"Items":{}}"#])
  func noItems(body: String) async throws {
    let server = try LoopbackServer(Reply(200, text: body))
    defer { server.stop() }
    let error = await failure(AWSError.self) {
      _ = try await DynamoDB(AWSConfiguration(server)).scan(table: "t", attributes: ["id"])
    }
    #expect(error?.code == AWSError.invalidResponse)
  }

  @Test(
    "An empty, null or absent key ends the table",
    arguments: [#","LastEvaluatedKey":{}"#, #","LastEvaluatedKey":null"#, ""])
  func lastPage(member: String) async throws {
    let server = try LoopbackServer(Reply(200, text: #"{"Items":[{"id":{"S":"a"}}]\#(member)}"#))
    defer { server.stop() }
    let page = try await DynamoDB(AWSConfiguration(server)).scan(table: "t", attributes: ["id"])
    #expect(page == DynamoDB.Page(items: [["id": .string("a")]], lastEvaluatedKey: nil))
  }

  @Test("A page may have 4 MiB, other responses 64 KiB")
  func responseLimits() async throws {
    let recorder = RecordingTransport()
    let dynamoDB = try DynamoDB(AWSConfiguration(recorder))
    _ = try await dynamoDB.scan(table: "t", attributes: ["id"])
    try await dynamoDB.putItem([:], table: "t")
    try await dynamoDB.deleteItem(key: [:], table: "t")
    try await ManagementAPI(AWSConfiguration(recorder)).post([], to: "a")
    #expect(recorder.limits == [4_194_304, 65_536, 65_536, 65_536])
  }

  @Test("A response beyond its limit is not retried")
  func responseTooLarge() async throws {
    let tooLarge = ScriptedTransport { request, _ in
      throw HTTPError(.responseTooLarge, request, detail: "more than \(request.maximumResponseBytes) bytes")
    }
    let error = await failure(AWSError.self) {
      _ = try await DynamoDB(AWSConfiguration(tooLarge)).scan(table: "t", attributes: ["id"])
    }
    #expect(error?.transport?.reason == .responseTooLarge)
    #expect(error?.attempts == 1)
  }

  @Test(
    "The endpoint's domain follows the region's partition",
    arguments: [
      ("eu-central-1", "dynamodb.eu-central-1.amazonaws.com"),
      ("us-gov-west-1", "dynamodb.us-gov-west-1.amazonaws.com"),
      ("cn-north-1", "dynamodb.cn-north-1.amazonaws.com.cn"), ("us-iso-east-1", "dynamodb.us-iso-east-1.c2s.ic.gov"),
      ("us-isob-east-1", "dynamodb.us-isob-east-1.sc2s.sgov.gov"),
      ("us-isof-south-1", "dynamodb.us-isof-south-1.csp.hci.ic.gov"),
      ("eu-isoe-west-1", "dynamodb.eu-isoe-west-1.cloud.adc-e.uk"),
      ("eusc-de-east-1", "dynamodb.eusc-de-east-1.amazonaws.eu"),
    ])
  func partitions(region: String, host: String) async throws {
    let recorder = RecordingTransport()
    let configuration = try AWSConfiguration(
      environment: ["AWS_REGION": region, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"], transport: recorder)
    _ = try await DynamoDB(configuration).scan(table: "t", attributes: ["id"])
    #expect(recorder.urls == ["https://\(host)/"])
  }
}
