import AWS
import Foundation
import HTTP
import Synchronization
import Testing

@testable import Handlers

/// The rows of deliveries, and the conditions of their updates, by a transport in memory.
@Suite struct DynamoDBDeliveryStoreTests {
  /// Returns the answers in order, then repeats the last one; records the requests.
  private final class Table: HTTPTransport {
    private let state: Mutex<(answers: [HTTPResponse], requests: [(String, [UInt8])])>

    init(_ answers: [HTTPResponse]) { state = Mutex((answers, [])) }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      state.withLock { state in
        let target = request.headers["X-Amz-Target"] ?? ""
        state.requests.append((String(target.split(separator: ".").last ?? ""), request.body))
        return state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
      }
    }

    func requests() throws -> [(operation: String, body: NSDictionary)] {
      try state.withLock { $0.requests }.map {
        ($0.0, try #require(JSONSerialization.jsonObject(with: Data($0.1)) as? NSDictionary))
      }
    }
  }

  private static let round = MessageID(time: 1_795_622_400_123, counter: 1, random: 2)
  private static let expiry = ["N": "\(1_795_622_400 + 86_400)"]
  private static let leaseItem =
    #"{"room":{"S":"delivery:"},"id":{"S":"r"},"delivery":{"S":"\#(round.text)"},"ranges":{"SS":["8000","0000"]},"#
    + #""until":{"N":"9"},"isFull":{"BOOL":true},"isStarted":{"BOOL":false},"startBy":{"N":"7"}}"#
  private static let lease = Delivery(
    room: "r", round: round, ranges: ["0000", "8000"], until: 9, isFull: true, startBy: 7)

  private func ok(_ body: String) -> HTTPResponse { HTTPResponse(status: 200, body: Array(body.utf8)) }

  private func refused(_ item: String? = nil) -> HTTPResponse {
    let item = item.map { #","Item":\#($0)"# } ?? ""
    return HTTPResponse(
      status: 400, body: Array(#"{"__type":"x#ConditionalCheckFailedException","message":"No"\#(item)}"#.utf8))
  }

  private func store(_ answers: HTTPResponse...) throws -> (DynamoDBDeliveryStore, Table) {
    let table = Table(answers)
    let environment = ["AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
    return (
      DynamoDBDeliveryStore(try DynamoDB(AWSConfiguration(environment: environment, transport: table)), table: "t"),
      table
    )
  }

  @Test("A waiting message is written under its room's queue, read in order, and deleted")
  func queue() async throws {
    let row = #"{"id":{"S":"\#(Self.round.text)"},"frame":{"S":"{}"},"kind":{"S":"alone"}}"#
    let other = #"{"id":{"S":"\#(Self.round.text)"},"frame":{"S":"{}"},"kind":{"S":"unknown"}}"#
    let (store, table) = try store(
      ok("{}"), ok(#"{"Items":[\#(row)],"LastEvaluatedKey":{"room":{"S":"x"},"id":{"S":"y"}}}"#),
      ok(#"{"Items":[\#(other),\#(row)]}"#), ok("{}"))
    let message = WaitingMessage(id: Self.round, kind: .alone, frame: Array("{}".utf8))
    try await store.enqueue(message, room: "r")
    #expect(try await store.waiting(room: "r") == [message, message])
    try await store.dequeue([Self.round, .first(at: 1)], room: "r")
    let requests = try table.requests()
    #expect(requests.map(\.operation) == ["PutItem", "Query", "Query", "DeleteItem", "DeleteItem"])
    #expect(
      requests[0].body["Item"] as? NSDictionary == [
        "room": ["S": "queue:r"], "id": ["S": Self.round.text], "frame": ["S": "{}"], "kind": ["S": "alone"],
        "expiresAt": Self.expiry,
      ] as NSDictionary)
    #expect(requests[1].body["ConsistentRead"] as? Bool == true)
    #expect(requests[1].body["ExpressionAttributeValues"] as? NSDictionary == [":p": ["S": "queue:r"]] as NSDictionary)
    #expect(requests[2].body["ExclusiveStartKey"] != nil)
  }

  @Test("The queue is read no further than two frames")
  func queueIsBounded() async throws {
    let frame = String(repeating: "x", count: 131_073)
    let row = #"{"id":{"S":"\#(Self.round.text)"},"frame":{"S":"\#(frame)"},"kind":{"S":"message"}}"#
    let (store, table) = try store(
      ok(#"{"Items":[\#(row)],"LastEvaluatedKey":{"room":{"S":"x"},"id":{"S":"y"}}}"#))
    #expect(try await store.waiting(room: "r").count == 2)
    #expect(try table.requests().count == 2)
  }

  @Test("A lease is taken if there is none or an expired one that has started; a lost response is no refusal")
  func take() async throws {
    let (store, table) = try store(
      ok(#"{"Attributes":\#(Self.leaseItem)}"#), refused(Self.leaseItem),
      refused(Self.leaseItem.replacingOccurrences(of: Self.round.text, with: MessageID.first(at: 1).text)), refused())
    for isTaken in [true, true, false, false] {
      #expect(try await store.take(Self.lease, now: 5) == isTaken)
    }
    let (operation, body) = try #require(try table.requests().first)
    #expect(operation == "UpdateItem")
    #expect(body["Key"] as? NSDictionary == ["room": ["S": "delivery:"], "id": ["S": "r"]] as NSDictionary)
    #expect(
      body["ConditionExpression"] as? String == "(attribute_not_exists(#c0) OR (#c1 <= :c0 AND #c2 = :c1))")
    let values = try #require(body["ExpressionAttributeValues"] as? [String: NSDictionary])
    #expect(values[":c0"] == ["N": "5"] as NSDictionary)
    #expect(values[":c1"] == ["BOOL": true] as NSDictionary)
    #expect(values.values.contains(["SS": ["0000", "8000"]] as NSDictionary))
    #expect(values.values.contains(["BOOL": false] as NSDictionary))
  }

  @Test("Each change of a lease depends on its round")
  func conditions() async throws {
    let (store, table) = try store(ok(#"{"Attributes":\#(Self.leaseItem)}"#))
    #expect(try await store.replace(Self.round, with: Self.lease))
    #expect(try await store.adopt(Self.lease, now: 5) == Self.lease)
    try await store.started(Self.round, room: "r", until: 9)
    #expect(try await store.renew(Self.round, room: "r", until: 9, isFull: nil) == Self.lease)
    #expect(try await store.renew(Self.round, room: "r", until: 9, isFull: true) == Self.lease)
    #expect(try await store.finish("0000", of: Self.round, room: "r") == Self.lease)
    try await store.release(Self.round, room: "r")
    let requests = try table.requests()
    for (operation, body) in requests {
      #expect((body["ConditionExpression"] as? String)?.contains("#c0 = :c0") == true, "\(operation)")
      #expect(
        (body["ExpressionAttributeValues"] as? [String: NSDictionary])?[":c0"]
          == ["S": Self.round.text] as NSDictionary)
      #expect((body["ExpressionAttributeNames"] as? [String: String])?["#c0"] == "delivery")
    }
    #expect(
      requests[1].body["ConditionExpression"] as? String == "(#c0 = :c0 AND #c1 = :c1 AND #c2 <= :c2)")
    #expect(requests[5].body["UpdateExpression"] as? String == "DELETE #d :d")
    #expect(requests[6].operation == "DeleteItem")
  }

  @Test("A refused change of a lease tells that it is another one's")
  func refusals() async throws {
    let (store, _) = try store(refused())
    #expect(try await !store.replace(Self.round, with: Self.lease))
    #expect(try await store.adopt(Self.lease, now: 5) == nil)
    #expect(try await store.renew(Self.round, room: "r", until: 9, isFull: nil) == nil)
    #expect(try await store.finish("0000", of: Self.round, room: "r") == nil)
    try await store.started(Self.round, room: "r", until: 9)
    try await store.release(Self.round, room: "r")
  }

  @Test("Leases are read one by one with a consistent read, and all of one partition")
  func leases() async throws {
    let started = Self.leaseItem.replacingOccurrences(
      of: #""isStarted":{"BOOL":false}"#, with: #""isStarted":{"BOOL":true}"#)
    let (store, table) = try store(
      ok(#"{"Item":\#(Self.leaseItem)}"#), ok("{}"), ok(#"{"Items":[\#(started),{"id":{"S":"x"}}]}"#))
    #expect(try await store.delivery(room: "r") == Self.lease)
    #expect(try await store.delivery(room: "r") == nil)
    var lease = Self.lease
    lease.startBy = nil
    #expect(try await store.deliveries() == [lease])
    let requests = try table.requests()
    #expect(requests[0].body["ConsistentRead"] as? Bool == true)
    #expect(
      requests[2].body["ExpressionAttributeValues"] as? NSDictionary == [":p": ["S": "delivery:"]] as NSDictionary)
  }

  @Test("A round's frame and checkpoints are rows of its partition, and deleted together")
  func rounds() async throws {
    let round = DeliveryRound(
      id: Self.round, frame: Array("{}".utf8), messages: [.first(at: 1), .first(at: 2)], rangeCount: 3)
    let checkpoint = RangeCheckpoint(after: "c", isDone: true, reached: 1, gone: 2, slow: 3, failed: 4)
    let texts = round.messages.map(\.text).joined(separator: " ")
    let frameRow = #"{"Item":{"frame":{"S":"{}"},"messages":{"S":"\#(texts)"},"rangeCount":{"N":"3"}}}"#
    let row =
      #"{"id":{"S":"range:0000"},"after":{"S":"c"},"isDone":{"BOOL":true},"reached":{"N":"1"},"gone":{"N":"2"},"#
      + #""slow":{"N":"3"},"failed":{"N":"4"}}"#
    let (store, table) = try store(
      ok("{}"), ok(frameRow), ok("{}"), ok("{}"), ok(#"{"Item":\#(row)}"#), ok("{}"), ok(#"{"Items":[\#(row)]}"#),
      ok("{}"))
    try await store.add(round)
    #expect(try await store.round(Self.round) == round)
    #expect(try await store.round(Self.round) == nil)
    try await store.save(checkpoint, range: "0000", of: Self.round)
    #expect(try await store.checkpoint(range: "0000", of: Self.round) == checkpoint)
    #expect(try await store.checkpoint(range: "0000", of: Self.round) == nil)
    #expect(try await store.remove(round: Self.round) == [checkpoint])
    let requests = try table.requests()
    let partition = ["S": "round:\(Self.round.text)"]
    #expect(
      requests[0].body["Item"] as? NSDictionary == [
        "room": partition, "id": ["S": "frame"], "frame": ["S": "{}"], "messages": ["S": texts],
        "rangeCount": ["N": "3"], "expiresAt": Self.expiry,
      ] as NSDictionary)
    #expect(
      requests[3].body["Item"] as? NSDictionary == [
        "room": partition, "id": ["S": "range:0000"], "after": ["S": "c"], "isDone": ["BOOL": true],
        "reached": ["N": "1"], "gone": ["N": "2"], "slow": ["N": "3"], "failed": ["N": "4"], "expiresAt": Self.expiry,
      ] as NSDictionary)
    let deleted = requests[7...].compactMap { ($0.body["Key"] as? [String: [String: String]])?["id"]?["S"] }
    #expect(deleted.sorted() == ["frame", "range:0000"])
    for partition in ["queue:r", "delivery:", "round:x"] { #expect(!ConnectParameters.isRoom(partition)) }
  }
}
