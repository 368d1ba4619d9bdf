import EventLoop
import Foundation
import HTTP
import TestServers
import Testing
import WebSocketAPITestSupport

@testable import AWS
@testable import WebSocketAPI

/// The broadcast over loopback, with faults of DynamoDB and API Gateway. The real clients, transport and sockets.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct BroadcastFaultTests {
  /// Connection ids in API Gateway's format, in the order of the table.
  private static func ids(_ count: Int) -> [String] {
    (0..<count).map { "L0SM\(String($0 + 100_000))cIhw=" }
  }

  private func send(
    _ aws: FakeAWS, attemptTimeout: Duration = .seconds(60), within seconds: TimeInterval = 600
  ) async throws -> BroadcastReport {
    let configuration = try aws.configuration(attemptTimeout: attemptTimeout)
    let event = try messageEvent(body: "{}")
    let broadcast = Broadcast(
      store: try aws.store(configuration), gateway: try APIGatewayConnectionGateway(configuration, for: event))
    return await Deadline.within(.seconds(seconds)) { await broadcast.send(Array("{}".utf8)) }
  }

  /// Adds connections, sends a message, and expects each of them to receive it once.
  private func expectEveryoneOnce(
    _ aws: FakeAWS, count: Int, attemptTimeout: Duration = .seconds(60)
  ) async throws {
    let ids = Self.ids(count)
    aws.add(ids)
    let report = try await send(aws, attemptTimeout: attemptTimeout)
    #expect(report.isSuccess, "\(report)")
    expectOnce(aws, ids)
  }

  private func expectOnce(_ aws: FakeAWS, _ ids: [String]) {
    #expect(aws.delivered == Dictionary(uniqueKeysWithValues: ids.map { ($0, 1) }))
  }

  @Test("If half of 2,000 connections are closed, their rows are deleted, and all others receive the message once")
  func prunesClosedHalf() async throws {
    let aws = try FakeAWS()
    let ids = Self.ids(2000)
    let live = ids.filter { $0.utf8.reduce(0) { $0 &* 31 &+ Int($1) } & 2 == 0 }
    for id in ids { aws.add([id], isLive: Set(live).contains(id)) }
    let report = try await send(aws)
    #expect((report.reached, report.gone, report.pruneFailures) == (live.count, 2000 - live.count, 0))
    #expect(report.isSuccess)
    #expect(aws.rows == Set(live))
    #expect(aws.queries == 20)
    expectOnce(aws, live)
  }

  @Test("Rows of closed connections without a valid timestamp are deleted")
  func prunesRowsWithoutTimestamp() async throws {
    let aws = try FakeAWS()
    aws.add(["a", "b"], isLive: false, timestamp: nil)
    aws.add(["c"], isLive: false, timestamp: "invalid")
    let report = try await send(aws)
    #expect(report.gone == 3)
    #expect(aws.rows.isEmpty)
  }

  @Test("A burst of throttling by both services delays messages and loses none")
  func survivesThrottling() async throws {
    let aws = try FakeAWS { operation, number in
      switch operation {
      case "Query" where number == 2:
        Reply(400, text: #"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#)
      case "PostToConnection" where (200..<400).contains(number):
        Reply(429, headers: ["x-amzn-ErrorType": "LimitExceededException"], text: #"{"message":"Slow down"}"#)
      default: nil
      }
    }
    try await expectEveryoneOnce(aws, count: 1000)
  }

  @Test(
    "Slow clients are counted as slow, and all others are reached, with and without a failure of DynamoDB",
    arguments: [1, 64, 200], [false, true])
  func slowClients(count: Int, isDynamoDBFailing: Bool) async throws {
    let aws = try FakeAWS { operation, number in
      operation == "Query" && number == 2 && isDynamoDBFailing ? Reply(500) : nil
    }
    let ids = Self.ids(1000)
    aws.add(ids)
    let slow = Set((0..<count).map { ids[$0 * 1000 / count] })
    aws.slow = slow
    let report = try await send(aws)
    #expect((report.reached, report.slow, report.failed) == (1000 - count, count, 0))
    #expect(report.isSuccess)
    expectOnce(aws, ids.filter { !slow.contains($0) })
    #expect(slow.allSatisfy { (1...4).contains(aws.attempts[$0] ?? 0) })
  }

  @Test("An account throttled until the deadline is a failure")
  func throttledToDeadline() async throws {
    let aws = try FakeAWS()
    aws.add(Self.ids(60))
    aws.slow = Set(Self.ids(60))
    let report = try await send(aws, within: 5)
    #expect(!report.isSuccess)
    #expect((report.reached, report.slow) == (0, 0))
    #expect(report.failed + report.notTried == 60)
  }

  @Test("If one connection in a hundred is reset before the service acts, every client receives the message once")
  func survivesResets() async throws {
    let aws = try FakeAWS { operation, number in
      operation == "PostToConnection" && number % 100 == 0 ? Reply(200).with(.reset(after: 0)) : nil
    }
    try await expectEveryoneOnce(aws, count: 2000)
  }

  @Test("After a reset in the middle of a response the post is retried, and its client receives the message twice")
  func retriesInterruptedResponse() async throws {
    let aws = try FakeAWS { operation, number in
      operation == "PostToConnection" && number % 100 == 0 ? Reply(200).with(.reset(after: 10)) : nil
    }
    let ids = Self.ids(500)
    aws.add(ids)
    let report = try await send(aws)
    #expect(report.isSuccess, "\(report)")
    #expect(Set(aws.delivered.keys) == Set(ids))
    #expect(aws.delivered.values.allSatisfy { $0 <= 2 })
    #expect(aws.delivered.values.count { $0 == 2 } == 5)
  }

  @Test("If one response in a hundred exceeds the timeout, every client receives the message once")
  func survivesTimeouts() async throws {
    let aws = try FakeAWS { operation, number in
      operation == "PostToConnection" && number % 100 == 0 ? Reply(200).with(.stall) : nil
    }
    try await expectEveryoneOnce(aws, count: 600, attemptTimeout: .seconds(3))
  }

  @Test(
    "A page whose response is invalid is read again",
    arguments: [
      Reply(500), Reply(200, text: #"{"Items":[{"connectionId":{"S":"#),
      Reply(200, text: #"{"Items":[],"Count":0}"#).with(.close(after: 50)),
      Reply(200, headers: ["x-amz-crc32": "1"], text: #"{"Items":[],"Count":0}"#), Reply(200, text: "<html></html>"),
    ] as [Reply])
  func rereadsInvalidPage(reply: Reply) async throws {
    let aws = try FakeAWS { operation, number in operation == "Query" && number == 3 ? reply : nil }
    try await expectEveryoneOnce(aws, count: 500)
    #expect(aws.queries == 6)
  }

  @Test("A page that fails permanently ends the reading and is reported")
  func reportsUnreadablePage() async throws {
    let aws = try FakeAWS { operation, number in operation == "Query" && number >= 3 ? Reply(500) : nil }
    let ids = Self.ids(500)
    aws.add(ids)
    let report = try await send(aws)
    #expect((report.readError as? AWSError)?.status == 500)
    #expect(!report.isSuccess)
    #expect(report.reached == 200)
    expectOnce(aws, Array(ids.prefix(200)))
  }

  @Test("A row without the table's key attributes is an error")
  func rejectsRowWithoutKey() async throws {
    let aws = try FakeAWS { operation, _ in
      operation == "Query" ? Reply(200, text: #"{"Items":[{"id":{"S":"a"}}],"Count":1}"#) : nil
    }
    let report = try await send(aws)
    #expect(report.readError is UnexpectedKeySchema)
  }

  @Test("A page key without connectionId is an error, not the end of the table")
  func rejectsPageKeyWithoutKey() async throws {
    let aws = try FakeAWS { operation, _ in
      operation == "Query" ? Reply(200, text: #"{"Items":[],"LastEvaluatedKey":{"id":{"S":"a"}}}"#) : nil
    }
    let report = try await send(aws)
    #expect(report.readError is UnexpectedKeySchema)
  }

  @Test("Missing permissions for posts and deletes are reported, and no row is deleted")
  func reportsMissingPermissions() async throws {
    let aws = try FakeAWS { operation, number in
      switch operation {
      case "DeleteItem": Reply(400, text: #"{"__type":"AccessDeniedException","message":"no"}"#)
      case "PostToConnection" where number % 2 == 0:
        Reply(403, headers: ["x-amzn-ErrorType": "AccessDeniedException"], text: #"{"message":"no"}"#)
      default: nil
      }
    }
    aws.add(Self.ids(100), isLive: false)
    let report = try await send(aws)
    #expect(report.failures == ["AccessDeniedException": 50])
    #expect((report.gone, report.pruneFailures) == (50, 50))
    #expect(aws.rows.count == 100)
  }

  @Test("If the service never responds, the broadcast ends at its deadline")
  func endsAtDeadline() async throws {
    let aws = try FakeAWS { operation, _ in operation == "PostToConnection" ? Reply(200).with(.stall) : nil }
    aws.add(Self.ids(300))
    let report = try await send(aws, within: 1)
    #expect(report.reached == 0)
    #expect(report.failed <= Broadcast.defaultConcurrency)
    #expect([0, 100, 200].contains(report.failed + report.notTried))
    #expect(report.readError is DeadlineExceeded)
  }
}
