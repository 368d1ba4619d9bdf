import HTTP
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
  /// The first retry's longest wait after a transient failure; a throttled call waits for up to `throttlingBase`.
  private static let transientBase = Duration.milliseconds(50)
  private static let throttlingBase = Duration.milliseconds(500)
  private static let longestWait = Duration.seconds(20)

  /// A service that fails on and on is spared: a retry takes tokens from this one bucket, and only success refills it.
  private static let capacity = 500
  private let tokens = Mutex(capacity)

  init(maximumAttempts: Int) {
    self.maximumAttempts = maximumAttempts
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
  /// - Parameter attempt: the number of attempts made so far.
  func delay(after error: AWSError, attempt: Int, retryAfter: Duration?) -> Duration? {
    guard attempt < maximumAttempts, error.isTransient || error.isThrottling else { return nil }
    let taken = tokens.withLock { tokens in
      guard tokens >= error.retryCost else { return false }
      tokens -= error.retryCost
      return true
    }
    guard taken else { return nil }
    let base = error.isThrottling ? Self.throttlingBase : Self.transientBase
    let ceiling = min(base * (1 << min(attempt - 1, 10)), Self.longestWait)
    // Full jitter: callers that failed together must not come back together.
    let jittered = ceiling * Double.random(in: 0...1)
    return max(jittered, retryAfter ?? .zero)
  }

  /// Gives back what a call that came through in the end had taken, and a little where it took nothing.
  func succeeded(afterRetryFor error: AWSError?) {
    tokens.withLock { $0 = min($0 + (error?.retryCost ?? 1), Self.capacity) }
  }
}

extension AWSError {
  /// A failure that may be over by itself, the answer of a service in trouble or none at all.
  ///
  /// Where no answer came the service may have acted on the request all the same.
  var isTransient: Bool {
    if let transport {
      switch transport.reason {
      case .cannotConnect, .nameNotResolved, .timedOut, .connectionLost, .invalidResponse, .other: return true
      // The same certificate and the same request would fail again.
      case .tls, .invalidRequest: return false
      }
    }
    if code == Self.invalidResponse { return true }
    return [500, 502, 503, 504].contains(status) || ["RequestTimeout", "RequestTimeoutException"].contains(code)
  }

  /// The service wants fewer requests.
  public var isThrottling: Bool { status == 429 || Self.throttlingCodes.contains(code) }

  private static let throttlingCodes: Set<String> = [
    "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "SlowDown", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "TransactionInProgressException",
  ]

  /// The service takes this machine's clock, or the signature because of it, to be wrong.
  var mayBeClockSkew: Bool {
    [
      "AuthFailure", "InvalidSignatureException", "RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed",
      "SignatureDoesNotMatch",
    ].contains(code)
  }

  /// The standard mode's prices: a call that timed out has cost the service more.
  fileprivate var retryCost: Int { transport?.reason == .timedOut ? 10 : 5 }
}
