import AWS
import Foundation
import HTTP
import Synchronization
import Testing

@testable import Handlers

/// The table of messages: its requests, by a transport in memory.
@Suite struct DynamoDBMessageStoreTests {
  /// Answers every request with the same body, and records the requests' bodies.
  private final class Table: HTTPTransport {
    private let bodies = Mutex<[[UInt8]]>([])
    private let answer: String

    init(_ answer: String) { self.answer = answer }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      bodies.withLock { $0.append(request.body) }
      return HTTPResponse(status: 200, body: Array(answer.utf8))
    }

    var requests: [NSDictionary] {
      bodies.withLock { $0.compactMap { (try? JSONSerialization.jsonObject(with: Data($0))) as? NSDictionary } }
    }
  }

  private let now = Date(timeIntervalSince1970: 1_795_622_400)

  private func store(_ table: Table, days: Int = 7) throws -> DynamoDBMessageStore {
    let environment = ["AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
    let configuration = try AWSConfiguration(environment: environment, transport: table)
    return DynamoDBMessageStore(try DynamoDB(configuration), table: "t", days: days, now: { [now] in now })
  }

  @Test("A message is kept with its frame, byte for byte, and expires that many days after its id's time")
  func keeps() async throws {
    let table = Table("{}")
    let id = MessageID(time: now.milliseconds, counter: 1, random: 2)
    try await store(table, days: 2).keep(Array(#"{"message":"é\u00e9\n"}"#.utf8), id: id, room: "r")
    #expect(
      table.requests.first?["Item"] as? NSDictionary == [
        "room": ["S": "r"], "id": ["S": id.text], "frame": ["S": #"{"message":"é\u00e9\n"}"#],
        "expiresAt": ["N": "\(1_795_622_400 + 2 * 86_400)"],
      ] as NSDictionary)
  }

  @Test(
    "A page is read consistently, with one item more than asked for, from the oldest message that has not expired on")
  func reads() async throws {
    let table = Table(#"{"Items":[{"frame":{"S":"1"}},{"frame":{"S":"2"}},{"frame":{"S":"3"}}]}"#)
    let first = MessageID.first(at: 0)
    let last = MessageID(time: now.milliseconds, counter: 0, random: 0)
    let page = try await store(table).messages(room: "r", from: first, to: last, isAscending: false, limit: 2)
    #expect(page == MessagePage([Array("1".utf8), Array("2".utf8)], hasMore: true))
    let request = try #require(table.requests.first)
    #expect(request["Limit"] as? Int == 3)
    #expect(request["ConsistentRead"] as? Bool == true)
    #expect(request["ScanIndexForward"] as? Bool == false)
    let oldest = MessageID.first(at: now.milliseconds - 7 * 86_400_000).text
    #expect(
      request["ExpressionAttributeValues"] as? NSDictionary == [
        ":p": ["S": "r"], ":l": ["S": oldest], ":u": ["S": last.text],
      ] as NSDictionary)
  }

  @Test("Without a further item there is no more; with a further page there may be; items without a frame are skipped")
  func more() async throws {
    let first = MessageID.first(at: 0)
    for (answer, frames, hasMore) in [
      (#"{"Items":[{"frame":{"S":"1"}},{"frame":{"S":"2"}}]}"#, ["1", "2"], false),
      (#"{"Items":[]}"#, [], false),
      (#"{"Items":[{"frame":{"S":"1"}}],"LastEvaluatedKey":{"id":{"S":"x"}}}"#, ["1"], true),
      (#"{"Items":[{"frame":{"N":"1"}},{},{"frame":{"S":"2"}}]}"#, ["2"], false),
    ] {
      let page = try await store(Table(answer)).messages(
        room: "r", from: first, to: .greatest, isAscending: true, limit: 2)
      #expect(page == MessagePage(frames.map { Array($0.utf8) }, hasMore: hasMore))
    }
  }

  @Test("A range that ends before the oldest message is empty, without a request that DynamoDB would refuse")
  func expired() async throws {
    let table = Table(#"{"Items":[{"frame":{"S":"1"}}]}"#)
    let long = MessageID.first(at: now.milliseconds - 8 * 86_400_000)
    let page = try await store(table).messages(
      room: "r", from: MessageID.first(at: 0), to: long, isAscending: false, limit: 2)
    #expect(page == .empty)
    #expect(table.requests.isEmpty)
  }
}
