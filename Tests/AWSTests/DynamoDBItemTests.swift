import Foundation
import HTTP
import TestServers
import Testing

@testable import AWS

/// Operations on one item, and queries.
@Suite(.timeLimit(.minutes(10)))
struct DynamoDBItemTests {
  private func sent(
    _ reply: String, status: Int = 200, by call: (DynamoDB) async throws -> Void
  ) async throws -> (operation: String?, body: NSDictionary) {
    let server = try LoopbackServer(Reply(status, text: reply))
    defer { server.stop() }
    try await call(DynamoDB(AWSConfiguration(server)))
    let request = try #require(server.requests.first)
    let body = try #require(JSONSerialization.jsonObject(with: Data(request.body)) as? NSDictionary)
    return (request.headers["X-Amz-Target"], body)
  }

  @Test("GetItem reads an item, strongly consistently if requested")
  func get() async throws {
    var item: DynamoDB.Item?
    let (operation, body) = try await sent(#"{"ConsumedCapacity":{},"Item":{"id":{"S":"a"},"n":{"N":"7"}}}"#) {
      item = try await $0.getItem(key: ["id": .string("a")], table: "t", isConsistent: true)
    }
    #expect(operation == "DynamoDB_20120810.GetItem")
    #expect(body == ["TableName": "t", "Key": ["id": ["S": "a"]], "ConsistentRead": true] as NSDictionary)
    #expect(item == ["id": .string("a"), "n": .number("7")])
    let (_, plain) = try await sent("{}") { _ = try await $0.getItem(key: ["id": .string("a")], table: "t") }
    #expect(plain == ["TableName": "t", "Key": ["id": ["S": "a"]]] as NSDictionary)
  }

  @Test("A missing item is nil", arguments: ["{}", #"{"Item":null}"#, #"{"Item":{}}"#, #"{"Attributes":{}}"#])
  func missing(reply: String) async throws {
    _ = try await sent(reply) { dynamoDB in
      let read = try await dynamoDB.getItem(key: ["id": .string("a")], table: "t")
      let removed = try await dynamoDB.removeItem(key: ["id": .string("a")], table: "t")
      #expect(read == nil && removed == nil)
    }
  }

  @Test("A response that is no JSON object with an item is invalid", arguments: ["[]", #"{"Item":[]}"#, "{", "<html>"])
  func invalid(reply: String) async throws {
    _ = try await sent(reply) { dynamoDB in
      let error = await failure(AWSError.self) {
        _ = try await dynamoDB.getItem(key: ["id": .string("a")], table: "t")
      }
      #expect(error?.code == AWSError.invalidResponse)
    }
  }

  @Test("UpdateItem sets attributes that are missing, and returns the item")
  func setMissing() async throws {
    var item: DynamoDB.Update?
    let (operation, body) = try await sent(#"{"Attributes":{"id":{"S":"a"},"name":{"S":"x"}}}"#) {
      item = try await $0.setMissing(["name": .string("x"), "at": .int(1)], key: ["id": .string("a")], table: "t")
    }
    #expect(operation == "DynamoDB_20120810.UpdateItem")
    #expect(
      body == [
        "TableName": "t", "Key": ["id": ["S": "a"]], "ReturnValues": "ALL_NEW",
        "UpdateExpression": "SET #s0 = if_not_exists(#s0, :s0), #s1 = if_not_exists(#s1, :s1)",
        "ExpressionAttributeNames": ["#s0": "at", "#s1": "name"],
        "ExpressionAttributeValues": [":s0": ["N": "1"], ":s1": ["S": "x"]],
      ] as NSDictionary)
    #expect(item == .updated(["id": .string("a"), "name": .string("x")]))
  }

  @Test("UpdateItem sets attributes if a condition holds; its parts have placeholders of their own")
  func setConditionally() async throws {
    let (_, body) = try await sent(#"{"Attributes":{"id":{"S":"a"}}}"#) {
      _ = try await $0.set(
        ["n": .int(2)], key: ["id": .string("a")], table: "t",
        condition: .all([.exists("id"), .any([.missing("n"), .atMost("n", .int(1)), .equal("s", .string("x"))])]))
    }
    #expect(
      body == [
        "TableName": "t", "Key": ["id": ["S": "a"]], "ReturnValues": "ALL_NEW", "UpdateExpression": "SET #s0 = :s0",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ConditionExpression":
          "(attribute_exists(#c0) AND (attribute_not_exists(#c1) OR #c2 <= :c0 OR #c3 = :c1))",
        "ExpressionAttributeNames": ["#s0": "n", "#c0": "id", "#c1": "n", "#c2": "n", "#c3": "s"],
        "ExpressionAttributeValues": [":s0": ["N": "2"], ":c0": ["N": "1"], ":c1": ["S": "x"]],
      ] as NSDictionary)
  }

  @Test(
    "A condition that does not hold gives the item as it is; the error shows none of it",
    arguments: [
      (#","Item":{"id":{"S":"a"},"n":{"N":"7"}}"#, ["id": .string("a"), "n": .int(7)] as DynamoDB.Item?),
      ("", nil), (#","Item":{}"#, nil), (#","Item":[]"#, nil),
    ])
  func refusedUpdate(item: String, expected: DynamoDB.Item?) async throws {
    let type = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    let reply = #"{"__type":"\#(type)","Message":"The conditional request failed"\#(item)}"#
    _ = try await sent(reply, status: 400) { dynamoDB in
      let result = try await dynamoDB.set(
        ["n": .int(1)], key: ["id": .string("a")], table: "t", condition: .missing("n"))
      #expect(result == .refused(expected))
      let error = await failure(AWSError.self) {
        try await dynamoDB.deleteItem(key: ["id": .string("a")], table: "t", condition: .missing("n"))
      }
      #expect(error?.isConditionFailure == true)
      var dumped = ""
      dump(error, to: &dumped)
      #expect(!dumped.contains("body"))
    }
  }

  @Test("UpdateItem removes elements of a set under a condition, and returns the item")
  func removeElements() async throws {
    var item: DynamoDB.Update?
    let (operation, body) = try await sent(#"{"Attributes":{"id":{"S":"a"},"ranges":{"SS":["4000","8000"]}}}"#) {
      item = try await $0.removeElements(
        ["0000", "c000"], of: "ranges", key: ["id": .string("a")], table: "t",
        condition: .equal("delivery", .string("d")))
    }
    #expect(operation == "DynamoDB_20120810.UpdateItem")
    #expect(
      body == [
        "TableName": "t", "Key": ["id": ["S": "a"]], "ReturnValues": "ALL_NEW", "UpdateExpression": "DELETE #d :d",
        "ConditionExpression": "#c0 = :c0", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ExpressionAttributeNames": ["#d": "ranges", "#c0": "delivery"],
        "ExpressionAttributeValues": [":d": ["SS": ["0000", "c000"]], ":c0": ["S": "d"]],
      ] as NSDictionary)
    #expect(item == .updated(["id": .string("a"), "ranges": .stringSet(["4000", "8000"])]))
    // DynamoDB has no empty sets: the last element takes the attribute with it.
    _ = try await sent(#"{"Attributes":{"id":{"S":"a"}}}"#) {
      let update = try await $0.removeElements(["0"], of: "ranges", key: ["id": .string("a")], table: "t")
      #expect(update == .updated(["id": .string("a")]))
    }
  }

  @Test("PutItem writes an item, if a condition holds; sets of strings are written with their elements")
  func put() async throws {
    let item: DynamoDB.Item = ["id": .string("a"), "set": .stringSet(["x\"", "y"])]
    let json: NSDictionary = ["id": ["S": "a"], "set": ["SS": ["x\"", "y"]]]
    let (operation, body) = try await sent("{}") { try await $0.putItem(item, table: "t") }
    #expect(operation == "DynamoDB_20120810.PutItem")
    #expect(body == ["TableName": "t", "Item": json] as NSDictionary)
    let (_, conditional) = try await sent("{}") {
      try await $0.putItem(item, table: "t", condition: .any([.missing("id"), .atMost("until", .int(7))]))
    }
    #expect(
      conditional == [
        "TableName": "t", "Item": json,
        "ConditionExpression": "(attribute_not_exists(#c0) OR #c1 <= :c0)",
        "ExpressionAttributeNames": ["#c0": "id", "#c1": "until"],
        "ExpressionAttributeValues": [":c0": ["N": "7"]],
      ] as NSDictionary)
    let failed = #"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#
    _ = try await sent(failed, status: 400) { dynamoDB in
      let error = await failure(AWSError.self) {
        try await dynamoDB.putItem(item, table: "t", condition: .missing("id"))
      }
      #expect(error?.isConditionFailure == true)
    }
  }

  @Test("An update without the item in its response is invalid")
  func updateWithoutItem() async throws {
    _ = try await sent("{}") { dynamoDB in
      let error = await failure(AWSError.self) {
        _ = try await dynamoDB.setMissing(["n": .int(1)], key: ["id": .string("a")], table: "t")
      }
      #expect(error?.code == AWSError.invalidResponse)
    }
  }

  @Test("DeleteItem returns the deleted item")
  func remove() async throws {
    var item: DynamoDB.Item?
    let (operation, body) = try await sent(#"{"Attributes":{"id":{"S":"a"}}}"#) {
      item = try await $0.removeItem(key: ["id": .string("a")], table: "t", condition: .missing("n"))
    }
    #expect(operation == "DynamoDB_20120810.DeleteItem")
    #expect(
      body == [
        "TableName": "t", "Key": ["id": ["S": "a"]], "ReturnValues": "ALL_OLD",
        "ConditionExpression": "attribute_not_exists(#c0)", "ExpressionAttributeNames": ["#c0": "n"],
      ] as NSDictionary)
    #expect(item == ["id": .string("a")])
  }

  @Test("Query sends the partition, the range, index, filter, order, page and attributes")
  func query() async throws {
    var page: DynamoDB.Page?
    let (operation, body) = try await sent(#"{"Items":[{"id":{"S":"a"}}],"LastEvaluatedKey":{"id":{"S":"a"}}}"#) {
      page = try await $0.query(
        table: "t", index: "i", .partition("room", .string("r")).and("id", from: .string("a"), to: .string("b")),
        attributes: ["id", "timestamp"], existing: "n", from: ["id": .string("0")], limit: 7, isAscending: false,
        isConsistent: true)
    }
    #expect(operation == "DynamoDB_20120810.Query")
    #expect(
      body == [
        "TableName": "t", "IndexName": "i", "KeyConditionExpression": "#p = :p AND #s BETWEEN :l AND :u",
        "FilterExpression": "attribute_exists(#e)", "ProjectionExpression": "#a0, #a1",
        "ExpressionAttributeNames": ["#a0": "id", "#a1": "timestamp", "#e": "n", "#p": "room", "#s": "id"],
        "ExpressionAttributeValues": [":p": ["S": "r"], ":l": ["S": "a"], ":u": ["S": "b"]],
        "ExclusiveStartKey": ["id": ["S": "0"]], "Limit": 7, "ScanIndexForward": false, "ConsistentRead": true,
      ] as NSDictionary)
    #expect(page == DynamoDB.Page(items: [["id": .string("a")]], lastEvaluatedKey: ["id": .string("a")]))
    let (_, plain) = try await sent(#"{"Items":[]}"#) {
      _ = try await $0.query(table: "t", .partition("room", .string("r")), attributes: ["id"])
    }
    #expect(
      plain == [
        "TableName": "t", "KeyConditionExpression": "#p = :p", "ProjectionExpression": "#a0",
        "ExpressionAttributeNames": ["#a0": "id", "#p": "room"], "ExpressionAttributeValues": [":p": ["S": "r"]],
      ] as NSDictionary)
  }
}
