import AWS
import Foundation
import HTTP
import Synchronization
import Testing

@testable import Handlers

/// Bans and the audit trail in the table: their requests, by a transport in memory.
@Suite struct DynamoDBModerationStoreTests {
  /// Answers requests in turn, the last answer again and again, and records the requests' bodies.
  private final class Table: HTTPTransport {
    private let state: Mutex<(answers: [String], bodies: [[UInt8]])>

    init(_ answers: String...) { state = Mutex((answers, [])) }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      state.withLock { state in
        state.bodies.append(request.body)
        let answer = state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
        return HTTPResponse(status: 200, body: Array(answer.utf8))
      }
    }

    func requests() throws -> [NSDictionary] {
      try state.withLock { $0.bodies }.map {
        try #require(JSONSerialization.jsonObject(with: Data($0)) as? NSDictionary)
      }
    }
  }

  private func store(_ table: Table) throws -> DynamoDBModerationStore {
    let environment = ["AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
    return DynamoDBModerationStore(
      try DynamoDB(AWSConfiguration(environment: environment, transport: table)), table: "t")
  }

  @Test(
    "The latest of the bans that apply and are in force",
    arguments: [
      ([], nil), ([("r", 10)], 10), ([("*", 10)], 10), ([("r", 10), ("*", 20)], 20), ([("r", 20), ("*", 10)], 20),
      ([("other", 10)], nil), ([("r", 5)], nil), ([("r", 4), ("*", 6)], 6),
    ] as [([(String, Int)], Int?)])
  func banned(bans: [(String, Int)], until: Int?) async throws {
    let items = bans.map { #"{"id":{"S":"\#($0.0)"},"expiresAt":{"N":"\#($0.1)"}}"# }.joined(separator: ",")
    let table = Table(#"{"Items":[\#(items)]}"#)
    #expect(try await store(table).bannedUntil("u", room: "r", now: 5) == until)
    let request = try #require(try table.requests().first)
    #expect(request["ConsistentRead"] as? Bool == true)
    #expect(request["ExpressionAttributeValues"] as? NSDictionary == [":p": ["S": "ban:u"]] as NSDictionary)
  }

  @Test("All pages of bans are read")
  func pages() async throws {
    let table = Table(
      #"{"Items":[],"LastEvaluatedKey":{"room":{"S":"ban:u"},"id":{"S":"a"}}}"#,
      #"{"Items":[{"id":{"S":"r"},"expiresAt":{"N":"9"}}]}"#)
    #expect(try await store(table).bannedUntil("u", room: "r", now: 5) == 9)
    #expect(try table.requests().last?["ExclusiveStartKey"] != nil)
  }

  @Test("A ban is written under the person, by room or for all, and deleted there")
  func ban() async throws {
    let table = Table("{}")
    let store = try store(table)
    try await store.ban("u", from: "r", until: 7)
    try await store.ban("u", from: nil, until: 8)
    try await store.unban("u", from: nil)
    let requests = try table.requests()
    #expect(
      requests[0]["Item"] as? NSDictionary == [
        "room": ["S": "ban:u"], "id": ["S": "r"], "expiresAt": ["N": "7"],
      ] as NSDictionary)
    #expect((requests[1]["Item"] as? NSDictionary)?["id"] as? NSDictionary == ["S": "*"] as NSDictionary)
    #expect(requests[2]["Key"] as? NSDictionary == ["room": ["S": "ban:u"], "id": ["S": "*"]] as NSDictionary)
  }

  @Test("An entry is kept for a year, in a partition that no room has")
  func record() async throws {
    let table = Table("{}")
    let id = MessageID(time: 1_795_622_400_123, counter: 1, random: 2)
    try await store(table).record(Array("{}".utf8), id: id)
    #expect(
      try table.requests()[0]["Item"] as? NSDictionary == [
        "room": ["S": "audit:"], "id": ["S": id.text], "frame": ["S": "{}"],
        "expiresAt": ["N": "\(1_795_622_400 + 366 * 86_400)"],
      ] as NSDictionary)
    #expect(!ConnectParameters.isRoom("audit:") && !ConnectParameters.isRoom("ban:u"))
  }

  @Test("Entries are read from the latest on, before an id")
  func entries() async throws {
    let table = Table(#"{"Items":[{"frame":{"S":"2"}},{"frame":{"S":"1"}}],"LastEvaluatedKey":{"id":{"S":"x"}}}"#)
    let id = MessageID.first(at: 10)
    let page = try await store(table).entries(before: id, limit: 2)
    #expect(page == MessagePage([Array("2".utf8), Array("1".utf8)], hasMore: true))
    let request = try #require(try table.requests().first)
    #expect(request["ScanIndexForward"] as? Bool == false)
    #expect(request["Limit"] as? Int == 2)
    let values = request["ExpressionAttributeValues"] as? [String: [String: String]]
    #expect(values?[":u"] == ["S": id.predecessor.text])
  }
}
