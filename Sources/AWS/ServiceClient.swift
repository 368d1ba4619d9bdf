import EventLoop
import HTTP
import JSON

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Signs, sends and retries the requests of one AWS service.
struct ServiceClient: Sendable {
  /// The authentication of requests.
  enum Authentication: Sendable {
    case none
    case signature(region: String, service: String, SigningCache, any CredentialsProvider)
  }

  /// The service's name in errors.
  let service: String
  let authentication: Authentication
  let transport: any HTTPTransport
  let retryPolicy: RetryPolicy
  let retryTokens: RetryTokens
  let clock: SigningClock
  /// The longest duration of one attempt, from connecting to the last byte.
  let attemptTimeout: Duration

  /// Sends a request until it succeeds, fails permanently, or `RetryPolicy` or the deadline ends it.
  ///
  /// - Parameters:
  ///   - retriesThrottling: whether a 429 response is retried here, or left to a caller that reschedules the call.
  ///   - decode: converts the response; an error that it throws counts as an invalid response.
  /// - Throws: `AWSError`, `ConfigurationError` from the credentials, `CancellationError`.
  func call<Output>(
    _ operation: String, _ request: HTTPRequest, retriesThrottling: Bool = true,
    decode: (HTTPResponse) throws -> Output
  ) async throws -> Output {
    var attempt = 1
    var isClockCorrected = false
    var retryCost = 0
    while true {
      let date = clock.now
      // Outside the `do`: the credentials' own client has already retried.
      var signed = try await sign(request, at: date)
      var response: HTTPResponse?
      var failure: AWSError
      do {
        signed.timeout = try timeout(of: signed)
        let answer = try await transport.send(signed)
        response = answer
        let output = try result(of: operation, answer, decode: decode)
        retryTokens.deposit(afterRetryCosting: retryCost)
        return output
      } catch let error as HTTPError {
        failure = AWSError(service: service, operation: operation, transport: error)
      } catch let error as AWSError {
        failure = error
      }
      failure.attempts = attempt
      let remaining = Deadline.remaining(atMost: .seconds(3600))
      if failure.mayBeClockSkew, !isClockCorrected, remaining > .zero, let response,
        clock.correct(by: response, signedAt: date)
      {
        isClockCorrected = true
      } else {
        guard retriesThrottling || !failure.isThrottling else { throw failure }
        let retryAfter = response.flatMap { self.retryAfter($0) }
        guard
          let retry = retryPolicy.retry(
            after: failure, attempt: attempt, retryAfter: retryAfter, within: remaining, tokens: retryTokens)
        else { throw failure }
        retryCost = retry.cost
        try await EventLoop.sleep(for: retry.delay)
      }
      attempt += 1
    }
  }

  /// Signs a request for one attempt.
  private func sign(_ request: HTTPRequest, at date: Date) async throws -> HTTPRequest {
    guard case .signature(let region, let service, let cache, let provider) = authentication else { return request }
    let credentials = try await provider.credentials()
    return Signer(credentials: credentials, region: region, service: service, cache: cache).sign(request, at: date)
  }

  private func timeout(of request: HTTPRequest) throws -> Duration {
    let timeout = Deadline.remaining(atMost: attemptTimeout)
    guard timeout > .zero else { throw HTTPError(.timedOut, request, detail: "no time left to send it") }
    return timeout
  }

  private func result<Output>(
    of operation: String, _ response: HTTPResponse, decode: (HTTPResponse) throws -> Output
  ) throws -> Output {
    guard (200..<300).contains(response.status) else {
      throw AWSError(service: service, operation: operation, response: response)
    }
    do {
      return try decode(response)
    } catch {
      throw AWSError(service: service, operation: operation, invalid: response, "\(error)")
    }
  }

  /// The wait that the service asks for: `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), or AWS's own
  /// `x-amz-retry-after` in milliseconds.
  private func retryAfter(_ response: HTTPResponse) -> Duration? {
    if let milliseconds = response.headers["x-amz-retry-after"].flatMap({ Int64($0) }), milliseconds >= 0 {
      return .milliseconds(min(milliseconds, 86_400_000))
    }
    guard let text = response.headers["Retry-After"] else { return nil }
    if let seconds = Int64(text), seconds >= 0 { return .seconds(min(seconds, 86_400)) }
    return Date(httpDate: text).map { .seconds(min(max($0.timeIntervalSince(clock.now), 0), 86_400)) }
  }
}

/// The reason why a response body is invalid; never quotes the body, which may hold private data.
struct InvalidBody: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The JSON response of an operation whose output is ignored.
struct EmptyOutput {
  /// - Throws: if the body is not a JSON object, because a proxy sent the response.
  init(json: [UInt8]) throws {
    var scanner = JSONScanner(json)
    try scanner.object { (_, scanner) throws(JSONScanner.Mismatch) in try scanner.skipValue() }
    try scanner.end()
  }
}
