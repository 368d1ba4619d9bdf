import Foundation
import HTTP
import RuntimeAPIEmulator
import Testing

@testable import AWS

/// The retries of the standard mode, through real sockets.
@Suite(.timeLimit(.minutes(1)))
struct RetryTests {
  private static let ok = Reply(200)

  private func post(_ server: LoopbackServer, _ configuration: AWSConfiguration? = nil) async throws {
    try await ManagementAPI(configuration ?? AWSConfiguration(server)).post(Array("{}".utf8), to: "a=")
  }

  @Test(
    "Tries again after what may be over by itself",
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
    "Does not try again what fails for good",
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

  @Test("Tries again where nobody listens, and says what it tried")
  func connectionRefused() async throws {
    let server = try LoopbackServer(Self.ok)
    defer { server.stop() }
    // A port of the system's own, where no test listens.
    let nobody = ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:1/prod"]
    let error = await failure(AWSError.self) { try await post(server, AWSConfiguration(server, nobody)) }
    #expect(error?.code == AWSError.noResponse)
    #expect(error?.transport?.reason == .cannotConnect)
    #expect(error?.attempts == 3)
  }

  @Test("Gives up after three attempts, or as many as AWS_MAX_ATTEMPTS says", arguments: [nil, "1", "5"])
  func maximumAttempts(text: String?) async throws {
    let server = try LoopbackServer(Reply(500))
    defer { server.stop() }
    let environment = text.map { ["AWS_MAX_ATTEMPTS": $0] } ?? [:]
    let policy = try RetryPolicy(environment: environment)
    let configuration = try AWSConfiguration(
      server,
      retryPolicy: RetryPolicy(maximumAttempts: policy.maximumAttempts, transientBase: .milliseconds(2)))
    let error = await failure(AWSError.self) { try await post(server, configuration) }
    #expect(error?.attempts == (text.flatMap { Int($0) } ?? 3))
    #expect(server.requests.count == error?.attempts)
  }

  @Test("Signs each attempt anew")
  func signedAnew() async throws {
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
    "Waits as long as the service asks",
    arguments: [("Retry-After", "1", 1.0), ("x-amz-retry-after", "300", 0.3)])
  func retryAfter(name: String, value: String, seconds: Double) async throws {
    let server = try LoopbackServer(Reply(429).with(name, value), Self.ok)
    defer { server.stop() }
    let start = ContinuousClock.now
    try await post(server)
    #expect(start.duration(to: .now) >= .seconds(seconds))
  }

  @Test("A Retry-After that makes no sense is not honoured", arguments: ["-1", "soon", "99999999999999999999", ""])
  func senselessRetryAfter(value: String) async throws {
    let server = try LoopbackServer(Reply(429).with("Retry-After", value), Self.ok)
    defer { server.stop() }
    let start = ContinuousClock.now
    try await post(server)
    #expect(start.duration(to: .now) < .seconds(1))
  }

  @Test("A Retry-After past the deadline ends the call at once")
  func retryAfterPastDeadline() async throws {
    let server = try LoopbackServer(Reply(429).with("Retry-After", "60"))
    defer { server.stop() }
    let start = ContinuousClock.now
    let error = await failure(AWSError.self) {
      try await Deadline.$current.withValue(Date(timeIntervalSinceNow: 5)) { try await post(server) }
    }
    #expect(error?.status == 429)
    #expect(start.duration(to: .now) < .seconds(1))
  }

  @Test("An attempt that takes too long is ended and made again")
  func timeout() async throws {
    let server = try LoopbackServer(Self.ok.with(.stall), Self.ok)
    defer { server.stop() }
    try await post(server, AWSConfiguration(server, attemptTimeout: .milliseconds(200)))
    #expect(server.requests.count == 2)
  }

  @Test("No attempt starts past the deadline, and none outlives it")
  func deadline() async throws {
    let server = try LoopbackServer(Self.ok.with(.stall))
    defer { server.stop() }
    let start = ContinuousClock.now
    let error = await failure(AWSError.self) {
      try await Deadline.$current.withValue(Date(timeIntervalSinceNow: 0.3)) { try await post(server) }
    }
    #expect(error?.transport?.reason == .timedOut)
    #expect(start.duration(to: .now) < .seconds(1))
    #expect(server.requests.count == 1)

    let late = await failure(AWSError.self) {
      try await Deadline.$current.withValue(Date(timeIntervalSinceNow: -1)) { try await post(server) }
    }
    #expect(late?.transport?.reason == .timedOut)
    #expect(server.requests.count == 1)
  }

  @Test(
    "No deadline is too far away or too strange",
    arguments: [1e300, -1e300, .infinity, -.infinity, .nan, 9e18] as [TimeInterval])
  func strangeDeadline(seconds: TimeInterval) {
    Deadline.$current.withValue(Date(timeIntervalSince1970: seconds)) {
      #expect((.zero ... .seconds(5)).contains(Deadline.remaining(atMost: .seconds(5))))
    }
  }

  @Test("A cancelled call ends at once, also in the wait for a retry")
  func cancellation() async throws {
    let server = try LoopbackServer(Reply(429).with("Retry-After", "60"))
    defer { server.stop() }
    let call = Task { try await post(server) }
    while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    try await Task.sleep(for: .milliseconds(50))
    call.cancel()
    await #expect(throws: CancellationError.self) { try await call.value }
  }

  @Test("The waits grow, stay under their ceiling and are spread over it")
  func backoff() throws {
    let policy = RetryPolicy(maximumAttempts: 100)
    let throttled = AWSError(service: "", operation: "", response: HTTPResponse(status: 429))
    let broken = AWSError(service: "", operation: "", response: HTTPResponse(status: 500))
    for (error, base) in [(throttled, 1.0), (broken, 0.05)] {
      for attempt in [1, 2, 3, 7, 60] {
        let ceiling = min(base * Double(1 << min(attempt - 1, 10)), 20)
        let waits = try (0..<80).map { _ in
          policy.succeeded(afterRetryFor: error)
          return try #require(policy.delay(after: error, attempt: attempt, retryAfter: nil, within: .seconds(3600)))
            / .seconds(1)
        }
        #expect(waits.allSatisfy { (0...ceiling).contains($0) })
        // Full jitter: both ends of the range are met.
        #expect((waits.min() ?? 1) < ceiling * 0.2)
        #expect((waits.max() ?? 0) > ceiling * 0.8)
      }
    }
  }

  @Test("A hundred retries use the budget up; what succeeds refills it")
  func quota() {
    let policy = RetryPolicy()
    let error = AWSError(service: "", operation: "", response: HTTPResponse(status: 500))
    func retries() -> Bool { policy.delay(after: error, attempt: 1, retryAfter: nil, within: .seconds(60)) != nil }
    for _ in 0..<100 { #expect(retries()) }
    #expect(!retries())
    policy.succeeded(afterRetryFor: error)
    #expect(retries())
    #expect(!retries())
    for _ in 0..<4 { policy.succeeded(afterRetryFor: nil) }
    #expect(!retries())
    policy.succeeded(afterRetryFor: nil)
    #expect(retries())
    // A call that is not made again takes nothing.
    policy.succeeded(afterRetryFor: error)
    #expect(policy.delay(after: error, attempt: 3, retryAfter: nil, within: .seconds(60)) == nil)
    #expect(policy.delay(after: error, attempt: 1, retryAfter: .seconds(9), within: .seconds(5)) == nil)
    #expect(retries())
  }

  @Test("Of 500 calls side by side with a reset in a hundred and a throttling burst, all come through")
  func manyCalls() async throws {
    let script = Script((0..<60).map { _ in Reply(429) } + [Self.ok])
    let server = try LoopbackServer { request in
      let reply = script.next()
      let unlucky = request.target.hasSuffix("00") && request.headers["X-Amz-Date"] != nil
      return unlucky && Int.random(in: 0..<3) > 0 ? reply.with(.reset(after: 0)) : reply
    }
    defer { server.stop() }
    // Ten attempts: here it is to be seen that no failure is taken for a success, not how often one gives up.
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
