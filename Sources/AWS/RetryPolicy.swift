import HTTP

/// Decides whether and when to retry a call: the AWS SDKs' standard mode,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>.
package struct RetryPolicy: Sendable {
  /// An allowed retry, whose tokens are withdrawn.
  struct Retry: Sendable, Equatable {
    /// The wait before the retry.
    let delay: Duration
    /// The tokens withdrawn for the retry.
    let cost: Int
  }

  /// The most attempts for one call.
  let maximumAttempts: Int
  /// The longest wait before the first retry; the bound doubles with each further one.
  private let transientBase: Duration
  private let throttlingBase: Duration
  private static let longestWait = Duration.seconds(20)

  package init(
    maximumAttempts: Int = 3, transientBase: Duration = .milliseconds(50), throttlingBase: Duration = .seconds(1)
  ) {
    self.maximumAttempts = maximumAttempts
    self.transientBase = transientBase
    self.throttlingBase = throttlingBase
  }

  /// - Throws: `ConfigurationError` if `AWS_MAX_ATTEMPTS` is not a positive integer.
  init(environment: Environment) throws(ConfigurationError) {
    self.init(maximumAttempts: try environment.wholeNumber("AWS_MAX_ATTEMPTS", in: 1 ... .max) ?? 3)
  }

  /// The next retry of a call, `nil` if there is none.
  ///
  /// - Parameters:
  ///   - attempt: the number of attempts made so far.
  ///   - retryAfter: the least wait, as requested by the service.
  ///   - time: the time left; a retry whose wait does not fit is not made.
  ///   - tokens: the service's budget, which pays for the retry.
  func retry(
    after error: AWSError, attempt: Int, retryAfter: Duration?, within time: Duration, tokens: RetryTokens
  ) -> Retry? {
    guard attempt < maximumAttempts, error.isTransient || error.isThrottling else { return nil }
    let base = error.isThrottling ? throttlingBase : transientBase
    let ceiling = min(base * (1 << min(attempt - 1, 10)), Self.longestWait)
    // Full jitter: callers that failed together must not return together.
    let delay = max(ceiling * Double.random(in: 0...1), retryAfter ?? .zero)
    guard delay < time else { return nil }
    // After a freeze of the sandbox its connections are dead and every call in flight times out at once. The service is
    // not at fault, so these retries are free: every call gets its second attempt.
    let cost = attempt == 1 && error.isStaleConnection ? 0 : error.retryCost
    return tokens.withdraw(cost) ? Retry(delay: delay, cost: cost) : nil
  }
}

extension AWSError {
  /// Whether the same call may succeed when retried: the service failed, or sent no response.
  ///
  /// Without a response, the service may still have acted on the request.
  public var isTransient: Bool {
    if let transport { return transport.reason != .invalidRequest && transport.reason != .responseTooLarge }
    if code == Self.invalidResponse { return true }
    return status.map(Self.transientStatuses.contains) == true || Self.transientCodes.contains(code)
  }

  /// Whether the service asks for fewer requests.
  public var isThrottling: Bool { status == 429 || Self.throttlingCodes.contains(code) }

  private static let transientStatuses: Set = [500, 502, 503, 504]
  private static let transientCodes: Set = ["RequestTimeout", "RequestTimeoutException"]

  private static let throttlingCodes: Set = [
    "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "SlowDown", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "TransactionInProgressException",
  ]

  /// Whether the service may have refused the signature because this machine's clock is wrong.
  var mayBeClockSkew: Bool { Self.clockSkewCodes.contains(code) }

  private static let clockSkewCodes: Set = [
    "AuthFailure", "InvalidSignatureException", "RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
  ]

  /// Whether the request failed on a kept connection, which may have died unnoticed while it was idle.
  var isStaleConnection: Bool {
    guard let transport, transport.isOnKeptConnection else { return false }
    return transport.reason == .timedOut || transport.reason == .connectionLost
  }

  /// The cost of a retry in tokens, as in the AWS SDKs' standard mode: more after a timeout, because the service has
  /// spent more on the request.
  fileprivate var retryCost: Int { transport?.reason == .timedOut ? 10 : 5 }
}
