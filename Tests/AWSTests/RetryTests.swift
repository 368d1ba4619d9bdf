import EventLoop
import Foundation
import TestServers
import Testing

@testable import AWS

/// Retries in the standard mode, over loopback.
@Suite(.timeLimit(.minutes(10)))
struct RetryTests {
  private static let ok = Reply(200)

  private func post(_ server: LoopbackServer, _ configuration: AWSConfiguration? = nil) async throws {
    try await ManagementAPI(configuration ?? AWSConfiguration(server)).post(Array("{}".utf8), to: "a=")
  }

  @Test(
    "Transient failures are retried",
    arguments: [
      .error(500, "InternalServerError"), Reply(502, text: "<html>Bad Gateway</html>"), Reply(503), Reply(504),
      Reply(429), .error(400, "ThrottlingException"), .error(400, "LimitExceededException"),
      .error(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
      .error(400, "RequestLimitExceeded"), .error(400, "RequestTimeout"), Reply(200).with(.reset(after: 0)),
      Reply(200, text: "0123456789").with(.close(after: 50)), Reply(200).with(.close(after: 0)),
      .raw("SSH-2.0-OpenSSH_9.2\r\n"), Reply(200, text: "<html>Sign in to the network</html>"),
    ] as [Reply])
  func transient(first: Reply) async throws {
    let server = try LoopbackServer(first, Self.ok)
    defer { server.stop() }
    try await post(server)
    #expect(server.requests.count == 2)
  }

  @Test(
    "Permanent failures are not retried",
    arguments: [
      .error(400, "ValidationException"), .error(403, "AccessDeniedException"), .error(404, "NotFoundException"),
      .error(410, "GoneException"), .error(413, "PayloadTooLargeException"), Reply(301), Reply(501),
    ] as [Reply])
  func permanent(answer: Reply) async throws {
    let server = try LoopbackServer(answer)
    defer { server.stop() }
    let error = await failure(AWSError.self) { try await post(server) }
    #expect(error?.status == answer.status)
    #expect(error?.attempts == 1)
    #expect(server.requests.count == 1)
  }

  @Test("A refused connection is retried, and the error has the number of attempts")
  func connectionRefused() async throws {
    let server = try LoopbackServer(Self.ok)
    defer { server.stop() }
    // A privileged port, on which no test listens.
    let closedPort = ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:1/prod"]
    let error = await failure(AWSError.self) { try await post(server, AWSConfiguration(server, closedPort)) }
    #expect(error?.code == AWSError.noResponse)
    #expect(error?.transport?.reason == .cannotConnect)
    #expect(error?.attempts == 3)
  }

  @Test("A call ends after AWS_MAX_ATTEMPTS attempts, three by default", arguments: [nil, "1", "5"])
  func maximumAttempts(text: String?) async throws {
    let server = try LoopbackServer(Reply(500))
    defer { server.stop() }
    let environment = text.map { ["AWS_MAX_ATTEMPTS": $0] } ?? [:]
    let policy = try RetryPolicy(environment: Environment(environment))
    let configuration = try AWSConfiguration(
      server,
      retryPolicy: RetryPolicy(maximumAttempts: policy.maximumAttempts, transientBase: .milliseconds(2)))
    let error = await failure(AWSError.self) { try await post(server, configuration) }
    #expect(error?.attempts == (text.flatMap { Int($0) } ?? 3))
    #expect(server.requests.count == error?.attempts)
  }

  @Test("Each attempt is signed again")
  func signsEachAttempt() async throws {
    let server = try LoopbackServer(Reply(503, headers: ["Retry-After": "1"]), Self.ok)
    defer { server.stop() }
    try await post(server)
    let dates = server.requests.map { $0.headers["X-Amz-Date"] }
    let signatures = server.requests.map { $0.headers["Authorization"] }
    #expect(dates.count == 2)
    #expect(dates[0] != dates[1])
    #expect(signatures[0] != signatures[1])
  }

  @Test(
    "A retry waits for Retry-After",
    arguments: [("Retry-After", "1", 1.0), ("x-amz-retry-after", "300", 0.3)])
  func retryAfter(name: String, value: String, seconds: Double) async throws {
    let server = try LoopbackServer(Reply(429).with(name, value), Self.ok)
    defer { server.stop() }
    let start = ContinuousClock.now
    try await post(server)
    #expect(start.duration(to: .now) >= .seconds(seconds))
  }

  @Test("A malformed Retry-After is ignored", arguments: ["-1", "soon", "99999999999999999999", ""])
  func ignoresMalformedRetryAfter(value: String) async throws {
    let server = try LoopbackServer(Reply(429).with("Retry-After", value), Self.ok)
    defer { server.stop() }
    try await post(server)
    #expect(server.requests.count == 2)
  }

  @Test("A Retry-After past the deadline ends the call at once")
  func retryAfterPastDeadline() async throws {
    let server = try LoopbackServer(Reply(429).with("Retry-After", "3600"))
    defer { server.stop() }
    let error = await failure(AWSError.self) {
      try await Deadline.within(.seconds(600)) { try await post(server) }
    }
    #expect((error?.status, error?.attempts) == (429, 1))
  }

  @Test("An attempt that exceeds its timeout is retried")
  func timeout() async throws {
    let server = try LoopbackServer(Self.ok.with(.stall), Self.ok)
    defer { server.stop() }
    try await post(server, AWSConfiguration(server, attemptTimeout: .seconds(2)))
    #expect(server.requests.count >= 2)
  }

  @Test("No attempt starts after the deadline or outlives it")
  func deadline() async throws {
    let server = try LoopbackServer(Self.ok.with(.stall))
    defer { server.stop() }
    let error = await failure(AWSError.self) {
      try await Deadline.within(.seconds(1)) { try await post(server) }
    }
    #expect(error?.transport?.reason == .timedOut)
    #expect(error?.attempts == 1)

    let late = await failure(AWSError.self) {
      try await Deadline.within(.seconds(-1)) { try await post(server) }
    }
    #expect(late?.transport?.reason == .timedOut)
    #expect(late?.attempts == 1)
    #expect(server.requests.count <= 1)
  }

  @Test("A nested deadline never extends the outer one, and any duration is accepted")
  func nestedDeadlines() async {
    #expect(Deadline.remaining(atMost: .seconds(5)) == .seconds(5))
    await Deadline.within(.seconds(Int64.max)) {
      #expect(Deadline.remaining(atMost: .seconds(5)) == .seconds(5))
      await Deadline.within(.seconds(3600)) {
        #expect((.seconds(3000) ... .seconds(3600)).contains(Deadline.remaining(atMost: .seconds(5000))))
        await Deadline.within(.seconds(7200)) {
          #expect(Deadline.remaining(atMost: .seconds(5000)) <= .seconds(3600))
        }
      }
    }
    await Deadline.within(.seconds(-9)) { #expect(Deadline.remaining(atMost: .seconds(5)) == .zero) }
  }

  @Test("Cancellation ends a call during the wait for a retry")
  func cancellation() async throws {
    let server = try LoopbackServer(Reply(429).with("Retry-After", "60"))
    defer { server.stop() }
    let call = Task { try await post(server) }
    while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    try await Task.sleep(for: .milliseconds(50))
    call.cancel()
    await #expect(throws: CancellationError.self) { try await call.value }
  }

  @Test("500 calls, 32 at a time, survive resets and a burst of throttling")
  func manyCalls() async throws {
    let script = Script((0..<60).map { _ in Reply(429) } + [Self.ok])
    let server = try LoopbackServer { request in
      let reply = script.next()
      let unlucky = request.target.hasSuffix("00") && request.headers["X-Amz-Date"] != nil
      return unlucky && Int.random(in: 0..<3) > 0 ? reply.with(.reset(after: 0)) : reply
    }
    defer { server.stop() }
    // 20 attempts, because this test is about false successes, not about the number of attempts.
    let policy = RetryPolicy(maximumAttempts: 20, transientBase: .milliseconds(2), throttlingBase: .milliseconds(5))
    let api = try ManagementAPI(AWSConfiguration(server, retryPolicy: policy))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<500 {
        if number >= 32 { try await group.next() }
        group.addTask { try await api.post([], to: "c\(number)") }
      }
      try await group.waitForAll()
    }
    #expect(Set(server.requests.map(\.target)).count == 500)
  }
}
