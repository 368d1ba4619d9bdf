import EventLoop
import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What the AWS clients have in common: sign, send, tell success from failure, try again.
struct ServiceClient: Sendable {
  /// How a request says on whose behalf it is.
  enum Authentication: Sendable {
    case none
    case signature(region: String, service: String, SigningScopeCache, any CredentialsProvider)
  }

  /// The service's name in errors.
  let service: String
  let authentication: Authentication
  let transport: any HTTPTransport
  let retryPolicy: RetryPolicy
  let clock: SigningClock
  /// The longest that one attempt may take, the connection's making included.
  let attemptTimeout: Duration

  /// Sends a request until it succeeds, fails for good, or `RetryPolicy` or the deadline ends it.
  ///
  /// - Parameter decode: turns the success into a value; what it throws counts as an invalid response.
  /// - Throws: `AWSError`, `ConfigurationError` from the credentials, `CancellationError`.
  func call<Output>(
    _ operation: String, _ request: HTTPRequest, decode: (HTTPResponse) throws -> Output
  ) async throws -> Output {
    var attempt = 1
    var isClockCorrected = false
    var retried: AWSError?
    while true {
      let date = clock.now
      // Outside of the `do`: what the credentials' own client could not mend, nothing here can.
      var signed = try await sign(request, at: date)
      var response: HTTPResponse?
      var failure: AWSError
      do {
        signed.timeout = try timeout(of: signed)
        let answer = try await transport.send(signed)
        response = answer
        let output = try result(of: operation, answer, decode: decode)
        retryPolicy.succeeded(afterRetryFor: retried)
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
        let retryAfter = response.flatMap { self.retryAfter($0) }
        guard
          let delay = retryPolicy.delay(after: failure, attempt: attempt, retryAfter: retryAfter, within: remaining)
        else { throw failure }
        retried = failure
        try await EventLoop.sleep(for: delay)
      }
      attempt += 1
    }
  }

  /// The request, signed for this attempt's moment.
  private func sign(_ request: HTTPRequest, at date: Date) async throws -> HTTPRequest {
    guard case .signature(let region, let service, let scopes, let provider) = authentication else { return request }
    let credentials = try await provider.credentials()
    return Signer(credentials: credentials, region: region, service: service, scopes: scopes).sign(request, at: date)
  }

  private func timeout(of request: HTTPRequest) throws -> Duration {
    let timeout = Deadline.remaining(atMost: attemptTimeout)
    guard timeout > .zero else { throw HTTPError(.timedOut, request, detail: "there was no time left to send it") }
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

  /// How long the service asks to wait: `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), or the
  /// milliseconds that AWS's own `x-amz-retry-after` has.
  private func retryAfter(_ response: HTTPResponse) -> Duration? {
    if let milliseconds = response.headers["x-amz-retry-after"].flatMap({ Int64($0) }), milliseconds >= 0 {
      return .milliseconds(min(milliseconds, 86_400_000))
    }
    guard let text = response.headers["Retry-After"] else { return nil }
    if let seconds = Int64(text), seconds >= 0 { return .seconds(min(seconds, 86_400)) }
    return Date(httpDate: text).map { .seconds(min(max($0.timeIntervalSince(clock.now), 0), 86_400)) }
  }
}

/// What is wrong with a body. It never quotes the body, which may hold data that is nobody's business in a log.
struct InvalidBody: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// An answer that holds nothing of interest, in JSON.
struct EmptyOutput: Decodable {
  private enum Key: CodingKey {}

  init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: Key.self) }

  /// - Throws: when it is not an object: then it is not the service that answered.
  init(json: [UInt8]) throws { self = try JSONDecoder().decode(Self.self, from: Data(json)) }
}
