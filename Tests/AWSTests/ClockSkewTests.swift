import Foundation
import HTTP
import RuntimeAPIEmulator
import Testing

@testable import AWS

/// A machine's clock that is wrong, as a service tells it.
@Suite(.timeLimit(.minutes(1)))
struct ClockSkewTests {
  /// A service whose time is off by that much from ours, and which takes signatures for five minutes around it.
  private static func service(ahead seconds: TimeInterval, code: String = "InvalidSignatureException") throws
    -> LoopbackServer
  {
    try LoopbackServer { request in
      let now = Date(timeIntervalSinceNow: seconds)
      let signedAt = request.headers["X-Amz-Date"].flatMap(Self.date) ?? .distantPast
      let isTaken = abs(signedAt.timeIntervalSince(now)) < 300
      return (isTaken ? Reply(200) : .error(403, code)).with("Date", now.httpDate)
    }
  }

  private static func date(_ timestamp: String) -> Date? {
    try? Date(
      timestamp,
      strategy: Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
  }

  @Test(
    "Corrects its clock once and the call comes through",
    arguments: [3600, -3600, 86_400 * 400] as [TimeInterval],
    ["InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"])
  func corrects(ahead: TimeInterval, code: String) async throws {
    let server = try Self.service(ahead: ahead, code: code)
    defer { server.stop() }
    let api = try ManagementAPI(AWSConfiguration(server))
    try await api.post([], to: "a")
    #expect(server.requests.count == 2)
    // What was learnt stays.
    try await api.post([], to: "a")
    #expect(server.requests.count == 3)
  }

  @Test("Calls under way together are all made again when the first of them has corrected the clock")
  func sideBySide() async throws {
    let server = try Self.service(ahead: 7200)
    defer { server.stop() }
    let api = try ManagementAPI(AWSConfiguration(server))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<32 { group.addTask { try await api.post([], to: "c\(number)") } }
      try await group.waitForAll()
    }
  }

  @Test("Also with a single attempt, since the first one could not succeed")
  func singleAttempt() async throws {
    let server = try Self.service(ahead: 3600)
    defer { server.stop() }
    try await ManagementAPI(AWSConfiguration(server, retryPolicy: RetryPolicy(maximumAttempts: 1))).post([], to: "a")
    #expect(server.requests.count == 2)
  }

  @Test("A signature that is wrong for another reason is not sent again", arguments: [nil, 0, 100, -100])
  func anotherReason(ahead: TimeInterval?) async throws {
    let date = ahead.map { Date(timeIntervalSinceNow: $0).httpDate } ?? "yesterday"
    let server = try LoopbackServer(.error(403, "InvalidSignatureException").with("Date", date))
    defer { server.stop() }
    let error = await failure(AWSError.self) { try await ManagementAPI(AWSConfiguration(server)).post([], to: "a") }
    #expect(error?.code == "InvalidSignatureException")
    #expect(server.requests.count == 1)
  }

  @Test("A service that refuses the corrected time too is believed no further")
  func onlyOnce() async throws {
    let server = try LoopbackServer(
      .error(403, "RequestTimeTooSkewed").with("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
      .error(403, "RequestTimeTooSkewed").with("Date", "Mon, 06 Nov 2034 08:49:37 GMT"))
    defer { server.stop() }
    let error = await failure(AWSError.self) { try await ManagementAPI(AWSConfiguration(server)).post([], to: "a") }
    #expect(error?.code == "RequestTimeTooSkewed")
    #expect(server.requests.count == 2)
  }

  @Test("Reads the HTTP-date that servers send, and nothing else")
  func httpDate() {
    #expect(Date(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT") == Date(timeIntervalSince1970: 784_111_777))
    for text in [
      "", "now", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
      "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "Sun, é6 Nov 1994 08:49:37 GMT",
    ] { #expect(Date(httpDate: text) == nil, "\(text)") }
  }
}
