import Foundation
import HTTP
import TestServers
import Testing

@testable import AWS

/// Correction of clock skew.
@Suite(.timeLimit(.minutes(10)))
struct ClockSkewTests {
  /// A service whose clock is ahead by some seconds and which accepts signatures within five minutes of its clock.
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
    "The clock is corrected once, and the call succeeds",
    arguments: [3600, -3600, 86_400 * 400] as [TimeInterval],
    ["InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"])
  func corrects(ahead: TimeInterval, code: String) async throws {
    let server = try Self.service(ahead: ahead, code: code)
    defer { server.stop() }
    let api = try ManagementAPI(AWSConfiguration(server))
    try await api.post([], to: "a")
    #expect(server.requests.count == 2)
    // The correction applies to later calls.
    try await api.post([], to: "a")
    #expect(server.requests.count == 3)
  }

  @Test("All calls in flight are retried after the first one corrects the clock")
  func retriesConcurrentCalls() async throws {
    let server = try Self.service(ahead: 7200)
    defer { server.stop() }
    let api = try ManagementAPI(AWSConfiguration(server))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<32 { group.addTask { try await api.post([], to: "c\(number)") } }
      try await group.waitForAll()
    }
  }

  @Test("A correction allows a second attempt even if the maximum is one")
  func singleAttempt() async throws {
    let server = try Self.service(ahead: 3600)
    defer { server.stop() }
    try await ManagementAPI(AWSConfiguration(server, retryPolicy: RetryPolicy(maximumAttempts: 1))).post([], to: "a")
    #expect(server.requests.count == 2)
  }

  @Test("A signature refused for another reason is not retried", arguments: [nil, 0, 100, -100])
  func anotherReason(ahead: TimeInterval?) async throws {
    let date = ahead.map { Date(timeIntervalSinceNow: $0).httpDate } ?? "yesterday"
    let server = try LoopbackServer(.error(403, "InvalidSignatureException").with("Date", date))
    defer { server.stop() }
    let error = await failure(AWSError.self) { try await ManagementAPI(AWSConfiguration(server)).post([], to: "a") }
    #expect(error?.code == "InvalidSignatureException")
    #expect(server.requests.count == 1)
  }

  @Test("A second refusal is not retried")
  func onlyOnce() async throws {
    let server = try LoopbackServer(
      .error(403, "RequestTimeTooSkewed").with("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
      .error(403, "RequestTimeTooSkewed").with("Date", "Mon, 06 Nov 2034 08:49:37 GMT"))
    defer { server.stop() }
    let error = await failure(AWSError.self) { try await ManagementAPI(AWSConfiguration(server)).post([], to: "a") }
    #expect(error?.code == "RequestTimeTooSkewed")
    #expect(server.requests.count == 2)
  }

  @Test("Only the preferred HTTP-date format is parsed")
  func httpDate() {
    #expect(Date(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT") == Date(timeIntervalSince1970: 784_111_777))
    for text in [
      "", "now", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
      "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "Sun, é6 Nov 1994 08:49:37 GMT",
    ] { #expect(Date(httpDate: text) == nil, "\(text)") }
  }
}
