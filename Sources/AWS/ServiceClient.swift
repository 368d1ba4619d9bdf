import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What the AWS clients have in common: sign, send, tell success from failure, try again.
struct ServiceClient: Sendable {
  /// The service's name in errors.
  let service: String
  /// The service's name in signatures.
  let signingName: String
  let configuration: AWSConfiguration

  /// The longest that one attempt may take. A DynamoDB or @connections call takes milliseconds; an invocation has
  /// seconds, in which a second attempt must still have its chance.
  private static let attemptTimeout = Duration.seconds(5)

  /// Sends a request until it succeeds, fails for good, or `RetryPolicy` or the deadline ends it.
  ///
  /// - Parameter decode: turns the success into a value; what it throws counts as an invalid response.
  /// - Throws: `AWSError`, `ConfigurationError` from the credentials, `CancellationError`.
  func call<Output>(
    _ operation: String, _ request: HTTPRequest, decode: (HTTPResponse) throws -> Output
  ) async throws -> Output {
    var attempt = 1
    var clockCorrected = false
    var retried: AWSError?
    while true {
      var failure: AWSError
      var answer: HTTPResponse?
      do {
        let response = try await send(request)
        answer = response
        let output = try result(of: operation, response, decode: decode)
        configuration.retryPolicy.succeeded(afterRetryFor: retried)
        return output
      } catch let error as AWSError {
        failure = error
      } catch let error as HTTPError {
        failure = AWSError(service: service, operation: operation, transport: error)
      }
      failure.attempts = attempt
      if failure.mayBeClockSkew, !clockCorrected, let answer, configuration.clock.correct(by: answer) {
        clockCorrected = true
      } else {
        let delay = configuration.retryPolicy.delay(
          after: failure, attempt: attempt, retryAfter: answer.flatMap(Self.retryAfter))
        guard let delay, delay < Deadline.remaining(atMost: .seconds(3600)) else { throw failure }
        retried = failure
        try await Task.sleep(for: delay)
      }
      attempt += 1
    }
  }

  /// One attempt, signed for this moment.
  private func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    var request = request
    request.timeout = max(Deadline.remaining(atMost: Self.attemptTimeout), .milliseconds(1))
    let credentials = try await configuration.credentials.credentials()
    let signer = Signer(credentials: credentials, region: configuration.region, service: signingName)
    return try await configuration.transport.send(signer.sign(request, at: configuration.clock.now))
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

  /// How long the service asks to wait (RFC 9110, section 10.2.3; only its form in seconds).
  private static func retryAfter(_ response: HTTPResponse) -> Duration? {
    guard let seconds = response.headers["Retry-After"].flatMap({ Int($0) }), seconds >= 0 else { return nil }
    return .seconds(min(seconds, 3600))
  }
}
