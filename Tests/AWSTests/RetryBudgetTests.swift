import Foundation
import HTTP
import Synchronization
import Testing

@testable import AWS

/// The policy and the budget of retries, without a network.
struct RetryBudgetTests {
  @Test("The bound of the wait doubles, and waits are spread over the whole range")
  func backoff() throws {
    let policy = RetryPolicy(maximumAttempts: 100)
    for (error, base) in [(Self.answer(429), 1.0), (Self.answer(500), 0.05)] {
      for attempt in [1, 2, 3, 7, 60] {
        let ceiling = min(base * Double(1 << min(attempt - 1, 10)), 20)
        let waits = try (0..<80).map { _ in
          try #require(
            policy.retry(
              after: error, attempt: attempt, retryAfter: nil, within: .seconds(3600), tokens: RetryTokens())
          ).delay / .seconds(1)
        }
        #expect(waits.allSatisfy { (0...ceiling).contains($0) })
        // Full jitter: both ends of the range occur.
        #expect((waits.min() ?? 1) < ceiling * 0.2)
        #expect((waits.max() ?? 0) > ceiling * 0.8)
      }
    }
  }

  private static func answer(_ status: Int) -> AWSError {
    AWSError(service: "", operation: "", response: HTTPResponse(status: status))
  }

  private static func timeout(isOnKeptConnection: Bool) throws -> AWSError {
    let request = HTTPRequest(method: .post, url: try #require(URL(string: "https://a.example/")))
    return AWSError(
      service: "", operation: "",
      transport: HTTPError(.timedOut, request, detail: "", isOnKeptConnection: isOnKeptConnection))
  }

  @Test("A hundred retries exhaust the budget, and success refills it")
  func quota() {
    let policy = RetryPolicy()
    let tokens = RetryTokens()
    let error = Self.answer(500)
    func retry(_ attempt: Int = 1, retryAfter: Duration? = nil) -> RetryPolicy.Retry? {
      policy.retry(after: error, attempt: attempt, retryAfter: retryAfter, within: .seconds(5), tokens: tokens)
    }
    for _ in 0..<100 { #expect(retry()?.cost == 5) }
    #expect(retry() == nil)
    tokens.deposit(afterRetryCosting: 5)
    #expect(retry() != nil)
    #expect(retry() == nil)
    for _ in 0..<4 { tokens.deposit(afterRetryCosting: 0) }
    #expect(retry() == nil)
    tokens.deposit(afterRetryCosting: 0)
    #expect(retry() != nil)
    // A refused retry withdraws no tokens.
    tokens.deposit(afterRetryCosting: 5)
    #expect(retry(3) == nil)
    #expect(retry(retryAfter: .seconds(9)) == nil)
    #expect(retry() != nil)
  }

  @Test("Only the first retry after a timeout on a kept connection is free")
  func staleConnections() throws {
    let policy = RetryPolicy()
    let tokens = RetryTokens()
    func retry(_ error: AWSError, _ attempt: Int) -> RetryPolicy.Retry? {
      policy.retry(after: error, attempt: attempt, retryAfter: nil, within: .seconds(20), tokens: tokens)
    }
    let stale = try Self.timeout(isOnKeptConnection: true)
    for _ in 0..<1000 {
      let retry = try #require(retry(stale, 1))
      #expect(retry.cost == 0)
      #expect(retry.delay <= .milliseconds(50))
    }
    #expect(retry(stale, 2)?.cost == 10)
    #expect(retry(stale, 3) == nil)
    #expect(retry(try Self.timeout(isOnKeptConnection: false), 1)?.cost == 10)
  }

  @Test("After a freeze, all 512 calls in flight succeed at their second attempt")
  func freeze() async throws {
    // The connection of every first attempt is dead; new connections work.
    let transport = ScriptedTransport { request, number in
      guard number <= 512 else { return HTTPResponse(status: 200) }
      throw HTTPError(.timedOut, request, detail: "no response", isOnKeptConnection: true)
    }
    let api = try ManagementAPI(AWSConfiguration(transport))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<512 { group.addTask { try await api.post([], to: "c\(number)") } }
      try await group.waitForAll()
    }
    #expect(transport.requestCount == 1024)
  }

  @Test("Each service has a separate retry budget, which its clients share")
  func budgets() async throws {
    let isBroken = Mutex(true)
    let transport = ScriptedTransport { request, _ in
      if request.authority.hasPrefix("dynamodb") { return HTTPResponse(status: 500) }
      return HTTPResponse(status: isBroken.withLock { $0 } ? 500 : 200)
    }
    let configuration = try AWSConfiguration(transport)
    func attempts(_ call: () async throws -> Void) async -> Int? {
      await failure(AWSError.self, call)?.attempts
    }
    // Two retries per call: 50 calls exhaust the budget of @connections.
    for _ in 0..<50 {
      #expect(await attempts { try await ManagementAPI(configuration).post([], to: "a") } == 3)
    }
    #expect(await attempts { try await ManagementAPI(configuration).post([], to: "a") } == 1)
    #expect(await attempts { try await DynamoDB(configuration).putItem([:], table: "t") } == 3)
    isBroken.withLock { $0 = false }
    #expect(await attempts { try await ManagementAPI(configuration).post([], to: "a") } == nil)
  }

  @Test("Without retries of 429, a throttled call fails at its first attempt and withdraws no tokens")
  func throttlingNotRetried() async throws {
    let transport = ScriptedTransport { _, _ in HTTPResponse(status: 429) }
    let configuration = try AWSConfiguration(transport)
    let api = try ManagementAPI(configuration)
    for _ in 0..<200 {
      let error = await failure(AWSError.self) { try await api.post([], to: "a", retriesThrottling: false) }
      #expect(error?.attempts == 1)
    }
    #expect(await failure(AWSError.self) { try await api.post([], to: "a") }?.attempts == 3)
  }
}
