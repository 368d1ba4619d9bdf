import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// When a call is tried again: the AWS SDKs' standard mode,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>.
final class RetryPolicy: Sendable {
  /// How many times a call is sent at most.
  let maximumAttempts: Int
  /// The first retry waits up to this long; each further one up to twice as long as the one before.
  private let transientBase: Duration
  private let throttlingBase: Duration
  private static let longestWait = Duration.seconds(20)

  /// A service that fails on and on is spared: a retry takes tokens from this one bucket, and only success refills it.
  private static let capacity = 500
  private let tokens = Mutex(capacity)

  init(
    maximumAttempts: Int = 3, transientBase: Duration = .milliseconds(50), throttlingBase: Duration = .seconds(1)
  ) {
    self.maximumAttempts = maximumAttempts
    self.transientBase = transientBase
    self.throttlingBase = throttlingBase
  }

  /// - Throws: `ConfigurationError` when `AWS_MAX_ATTEMPTS` is not a whole number above 0.
  convenience init(environment: [String: String]) throws(ConfigurationError) {
    let text = environment.value("AWS_MAX_ATTEMPTS") ?? "3"
    guard let attempts = Int(text), attempts > 0 else {
      throw ConfigurationError("AWS_MAX_ATTEMPTS is \(text.debugDescription): it has to be a whole number above 0.")
    }
    self.init(maximumAttempts: attempts)
  }

  /// The wait before the next attempt, `nil` when there is to be none.
  ///
  /// - Parameters:
  ///   - attempt: the number of attempts made so far.
  ///   - retryAfter: how long the service asks to wait; it is never asked sooner.
  ///   - time: what is left; a wait that would use it up is none.
  func delay(after error: AWSError, attempt: Int, retryAfter: Duration?, within time: Duration) -> Duration? {
    guard attempt < maximumAttempts, error.isTransient || error.isThrottling else { return nil }
    let base = error.isThrottling ? throttlingBase : transientBase
    let ceiling = min(base * (1 << min(attempt - 1, 10)), Self.longestWait)
    // Full jitter: callers that failed together must not come back together.
    let delay = max(ceiling * Double.random(in: 0...1), retryAfter ?? .zero)
    guard delay < time else { return nil }
    let taken = tokens.withLock { tokens in
      guard tokens >= error.retryCost else { return false }
      tokens -= error.retryCost
      return true
    }
    return taken ? delay : nil
  }

  /// Gives back what a call that came through in the end had taken, and a little where it took nothing.
  func succeeded(afterRetryFor error: AWSError?) {
    tokens.withLock { $0 = min($0 + (error?.retryCost ?? 1), Self.capacity) }
  }
}

extension AWSError {
  /// A failure that may be over by itself: the answer of a service in trouble, or none at all.
  ///
  /// Where no answer came the service may have acted on the request all the same.
  var isTransient: Bool {
    if let transport { return transport.reason != .invalidRequest }
    if code == Self.invalidResponse { return true }
    return status.map(Self.transientStatuses.contains) == true || Self.transientCodes.contains(code)
  }

  /// The service wants fewer requests.
  public var isThrottling: Bool { status == 429 || Self.throttlingCodes.contains(code) }

  private static let transientStatuses: Set = [500, 502, 503, 504]
  private static let transientCodes: Set = ["RequestTimeout", "RequestTimeoutException"]

  private static let throttlingCodes: Set = [
    "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "SlowDown", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "TransactionInProgressException",
  ]

  /// The service takes this machine's clock, or the signature because of it, to be wrong.
  var mayBeClockSkew: Bool { Self.clockSkewCodes.contains(code) }

  private static let clockSkewCodes: Set = [
    "AuthFailure", "InvalidSignatureException", "RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
  ]

  /// The standard mode's prices: a call that timed out has cost the service more.
  fileprivate var retryCost: Int { transport?.reason == .timedOut ? 10 : 5 }
}
