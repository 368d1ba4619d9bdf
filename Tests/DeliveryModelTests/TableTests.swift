import Testing

@testable import DeliveryModel

/// The two tables of the model.
@Suite struct TableTests {
  private let room = Room(.init(name: "large", people: 5000, slow: 0, gone: 0), index: 0)

  private func request(_ model: DynamoDBModel, _ operation: String, _ body: String) throws -> (Int, JSONTree) {
    let (status, answer) = model.answer(operation, Array(body.utf8))
    return (status, try JSONTree(answer))
  }

  private func query(_ model: DynamoDBModel, bounds: (String, String)?, after start: JSONTree?) throws -> JSONTree {
    var key = ""
    if let start {
      let names = try ["room", "roomKey", "connectionId"].map { name in
        "\"\(name)\":{\"S\":\"\(try #require(start[name]?["S"]?.string))\"}"
      }
      key = "\"ExclusiveStartKey\":{\(names.joined(separator: ","))},"
    }
    let condition = bounds == nil ? "#p = :p" : "#p = :p AND #s BETWEEN :l AND :u"
    let values = bounds.map { ",\":l\":{\"S\":\"\($0.0)\"},\":u\":{\"S\":\"\($0.1)\"}" } ?? ""
    let body = """
      {"TableName":"Connections","IndexName":"room","KeyConditionExpression":"\(condition)",\(key)
      "ProjectionExpression":"#a0, #a1","ExpressionAttributeNames":{"#p":"room","#s":"roomKey","#a0":"connectionId",
      "#a1":"timestamp"},"ExpressionAttributeValues":{":p":{"S":"large"}\(values)},"Limit":700}
      """
    let (status, answer) = try request(model, "Query", body)
    #expect(status == 200)
    return answer
  }

  private func ids(_ model: DynamoDBModel, bounds: (String, String)? = nil) throws -> [String] {
    var ids: [String] = []
    var start: JSONTree?
    repeat {
      let page = try query(model, bounds: bounds, after: start)
      ids += (page["Items"]?.array ?? []).compactMap { $0["connectionId"]?["S"]?.string }
      start = page["LastEvaluatedKey"]
    } while start != nil
    return ids
  }

  @Test("The pages of a room have each connection once, in the order of roomKey")
  func pages() throws {
    let all = try ids(DynamoDBModel(rooms: [room]))
    #expect(Set(all) == Set((0..<5000).map(room.id)))
    #expect(all.count == 5000)
    let keys = try all.map { room.roomKey(try #require(Room.parse(Array($0.utf8))).number) }
    #expect(keys == keys.sorted())
  }

  @Test("roomKey begins with the first two bytes of the id's SHA-256")
  func hash() {
    // printf 000000000000007= | sha256sum
    #expect(room.id(7) == "000000000000007=")
    #expect(room.roomKey(7).hasSuffix("000000000000007="))
    #expect(room.roomKey(7).prefix(4) == "d4ce")
  }

  @Test("Two ranges together have each connection of the room once")
  func ranges() throws {
    let model = DynamoDBModel(rooms: [room])
    let lower = try ids(model, bounds: ("0000", "7fff~"))
    let upper = try ids(model, bounds: ("8000", "ffff~"))
    #expect(lower.count > 2000 && upper.count > 2000)
    #expect(try lower + upper == ids(model))
  }

  @Test("A deleted connection is on no page")
  func deletion() throws {
    let model = DynamoDBModel(rooms: [room])
    let body = #"{"TableName":"Connections","Key":{"connectionId":{"S":"000000000000007="}}}"#
    #expect(try request(model, "DeleteItem", body).0 == 200)
    let all = try ids(model)
    #expect(all.count == 4999 && !all.contains("000000000000007="))
  }

  @Test("A put with a condition is refused with the item if that is asked for, and changes nothing")
  func condition() throws {
    let model = DynamoDBModel(rooms: [])
    let item = #""Item":{"room":{"S":"a"},"id":{"S":"1"},"frame":{"S":"x"}}"#
    let condition = #""ConditionExpression":"attribute_not_exists(id)""#
    #expect(try request(model, "PutItem", "{\"TableName\":\"Messages\",\(item),\(condition)}").0 == 200)
    let old = #""ReturnValuesOnConditionCheckFailure":"ALL_OLD""#
    let second = item.replacing("\"x\"", with: "\"y\"")
    let (status, answer) = try request(model, "PutItem", "{\"TableName\":\"Messages\",\(second),\(condition),\(old)}")
    #expect(status == 400)
    #expect(answer["__type"]?.string?.hasSuffix("#ConditionalCheckFailedException") == true)
    #expect(answer["Item"]?["frame"]?["S"]?.string == "x")
    let key = #"{"TableName":"Messages","Key":{"room":{"S":"a"},"id":{"S":"1"}}}"#
    #expect(try request(model, "GetItem", key).1["Item"]?["frame"]?["S"]?.string == "x")
  }

  @Test("A query reads a partition between two ids, in both directions, page by page")
  func messages() throws {
    let model = DynamoDBModel(rooms: [])
    for id in ["3", "1", "2", "4"] {
      let item = "{\"TableName\":\"Messages\",\"Item\":{\"room\":{\"S\":\"a\"},\"id\":{\"S\":\"\(id)\"}}}"
      #expect(try request(model, "PutItem", item).0 == 200)
    }
    func page(_ more: String) throws -> (ids: [String], next: String?) {
      let body = """
        {"TableName":"Messages","KeyConditionExpression":"room = :p AND id BETWEEN :l AND :u",\(more)
        "ExpressionAttributeValues":{":p":{"S":"a"},":l":{"S":"2"},":u":{"S":"4"}}}
        """
      let answer = try request(model, "Query", body).1
      let ids = (answer["Items"]?.array ?? []).compactMap { $0["id"]?["S"]?.string }
      return (ids, answer["LastEvaluatedKey"]?["id"]?["S"]?.string)
    }
    #expect(try page("").ids == ["2", "3", "4"])
    let first = try page(#""Limit":2,"ScanIndexForward":false,"#)
    #expect(first.ids == ["4", "3"] && first.next == "3")
    let key = #""ExclusiveStartKey":{"room":{"S":"a"},"id":{"S":"3"}},"ScanIndexForward":false,"#
    #expect(try page(key).ids == ["2"])
  }

  @Test("An operation that the model does not know is refused and reported")
  func unknown() throws {
    let model = DynamoDBModel(rooms: [])
    #expect(try request(model, "Scan", #"{"TableName":"Messages"}"#).0 == 400)
    #expect(model.refusedRequests.count == 1)
  }
}
