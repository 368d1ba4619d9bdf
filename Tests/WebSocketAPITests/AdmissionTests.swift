import Foundation
import HTTP
import Synchronization
import Testing

@testable import AWS
@testable import WebSocketAPI

/// Counting a message in DynamoDB, by a transport in memory.
@Suite struct AdmissionTests {
  /// A table with one row, whose updates can be preceded by another's.
  private final class Table: HTTPTransport {
    private struct State {
      var row: [String: Int]?
      var requests = 0
      var isDisturbed = false
    }

    private let state: Mutex<State>

    /// - Parameter row: `paidAt` and `floodPaidAt`; `nil` for no row.
    init(_ row: [String: Int]?, isDisturbed: Bool = false) {
      state = Mutex(State(row: row, isDisturbed: isDisturbed))
    }

    var requests: Int { state.withLock { $0.requests } }
    var row: [String: Int]? { state.withLock { $0.row } }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      let json = try JSONSerialization.jsonObject(with: Data(request.body))
      let body = json as? NSDictionary ?? [:]
      return state.withLock { state in
        state.requests += 1
        if state.isDisturbed { state.row?["paidAt", default: 0] += 1 }
        guard let row = state.row, holds(body, row) else { return refusal(state.row) }
        state.row = row.merging(assigned(body)) { $1 }
        return answer("Attributes", state.row ?? [:])
      }
    }

    private func value(_ body: NSDictionary, _ placeholder: Substring) -> Int? {
      let values = body["ExpressionAttributeValues"] as? [String: [String: String]]
      return values?[String(placeholder)]?["N"].flatMap { Int($0) }
    }

    private func name(_ body: NSDictionary, _ placeholder: Substring) -> String {
      (body["ExpressionAttributeNames"] as? [String: String])?[String(placeholder)] ?? ""
    }

    /// The conditions of the store: joined by AND, with one OR in parentheses.
    private func holds(_ body: NSDictionary, _ row: [String: Int]) -> Bool {
      let condition = (body["ConditionExpression"] as? String ?? "").dropFirst().dropLast()
      return condition.split(separator: " AND ").allSatisfy { part in
        part.split(separator: " OR ").contains { test in
          let test = test.filter { $0 != " " }.replacing("))", with: ")")
          if let match = test.firstMatch(of: /attribute_not_exists\((#c\d+)\)/) {
            return row[name(body, match.1)] == nil
          }
          if test.contains("attribute_exists") { return true }
          guard let match = test.firstMatch(of: /(#c\d+)(<=|=)(:c\d+)/) else { return false }
          guard let left = row[name(body, match.1)], let right = value(body, match.3) else { return false }
          return match.2 == "=" ? left == right : left <= right
        }
      }
    }

    private func assigned(_ body: NSDictionary) -> [String: Int] {
      let update = (body["UpdateExpression"] as? String ?? "").dropFirst("SET ".count)
      var result: [String: Int] = [:]
      for assignment in update.split(separator: ", ") {
        let sides = assignment.split(separator: " = ")
        result[name(body, sides[0])] = value(body, sides[1])
      }
      return result
    }

    private func answer(_ member: String, _ row: [String: Int], status: Int = 200, type: String = "") -> HTTPResponse {
      let attributes = row.map { #","\#($0.key)":{"N":"\#($0.value)"}"# }.joined()
      let item = #"{"connectionId":{"S":"a="},"room":{"S":"r"}\#(attributes)}"#
      return HTTPResponse(status: status, body: Array(#"{"__type":"\#(type)","\#(member)":\#(item)}"#.utf8))
    }

    private func refusal(_ row: [String: Int]?) -> HTTPResponse {
      let type = "ConditionalCheckFailedException"
      guard let row else { return HTTPResponse(status: 400, body: Array(#"{"__type":"\#(type)"}"#.utf8)) }
      return answer("Item", row, status: 400, type: type)
    }
  }

  private let now = 1_795_622_400_000_000
  private let limit = MessageLimit(perSecond: 5, burst: 2)

  private func admit(_ table: Table, at time: Int? = nil) async throws -> Admission {
    let environment = ["AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
    let configuration = try AWSConfiguration(environment: environment, transport: table)
    let store = DynamoDBConnectionStore(try DynamoDB(configuration), table: "t")
    return try await store.admit("a=", limit, now: time ?? now)
  }

  private let row = Connection(connectionID: "a=", timestamp: nil, expiresAt: nil, room: "r")

  @Test("One request for a first message, and for one that comes later than the limit asks", arguments: [nil, 0])
  func single(lateness: Int?) async throws {
    let table = Table(lateness.map { ["paidAt": now - $0] } ?? [:])
    #expect(try await admit(table) == .accepted(row))
    #expect(table.requests == 1)
    #expect(table.row?["paidAt"] == now + 200_000)
  }

  @Test("Two requests within a burst and beyond it; then the client is refused, and told how long")
  func burst() async throws {
    let table = Table([:])
    #expect(try await admit(table) == .accepted(row))
    #expect(try await admit(table) == .accepted(row))
    #expect(table.requests == 3)
    #expect(try await admit(table) == .refused(row, retryAfter: .milliseconds(200)))
    #expect(table.requests == 5)
    #expect(try await admit(table, at: now + 199_999) == .refused(row, retryAfter: .microseconds(1)))
    #expect(try await admit(table, at: now + 200_000) == .accepted(row))
  }

  @Test("A client that continues is to be disconnected, each time")
  func flood() async throws {
    let table = Table([:])
    var results: [Admission] = []
    for _ in 0..<30 { results.append(try await admit(table)) }
    #expect(results.prefix(2) == [.accepted(row), .accepted(row)])
    // Ten times the burst.
    #expect(results[2..<22].allSatisfy { $0 == .refused(row, retryAfter: .milliseconds(200)) })
    #expect(results[22...].allSatisfy { $0 == .flood(row) })
  }

  @Test("Without a row nothing is written")
  func unknown() async throws {
    let table = Table(nil)
    #expect(try await admit(table) == .unknown)
    #expect(table.row == nil)
  }

  @Test("If the row changes before each write, the message is refused after a few attempts")
  func conflicts() async throws {
    let table = Table(["paidAt": now + 1], isDisturbed: true)
    #expect(try await admit(table) == .refused(row, retryAfter: .milliseconds(200)))
    #expect(table.requests == 8)
  }
}
