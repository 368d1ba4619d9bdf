import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// An invocation and its function, as Lambda describes them.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next>
public struct InvocationContext: Sendable {
  /// The invocation's id: `Lambda-Runtime-Aws-Request-Id`.
  public let requestID: String
  /// The time at which Lambda ends the invocation, to the millisecond: `Lambda-Runtime-Deadline-Ms`.
  ///
  /// If that header is missing, malformed or in the past, this is an estimate: now and the longest time that an
  /// invocation of this process had, or 15 minutes.
  public let deadline: Date
  /// The ARN by which the function was called: `Lambda-Runtime-Invoked-Function-Arn`.
  public let invokedFunctionARN: String?
  /// The X-Ray tracing header: `Lambda-Runtime-Trace-Id`.
  public let traceID: String?
  /// JSON about the client, from the AWS Mobile SDK: `Lambda-Runtime-Client-Context`.
  public let clientContext: String?
  /// JSON about the Amazon Cognito identity: `Lambda-Runtime-Cognito-Identity`.
  public let cognitoIdentity: String?
  /// The tenant of a function with tenant isolation: `Lambda-Runtime-Aws-Tenant-Id`.
  public let tenantID: String?
  /// The function.
  public let function: LambdaFunction
  /// A logger whose lines carry the request id.
  public let logger: Logger
  let work = WorkAfterResponse()

  /// Creates a context, for a test of a handler.
  ///
  /// - Parameters:
  ///   - requestID: The invocation's id; by default a random UUID, as in Lambda.
  ///   - deadline: The time at which the invocation ends; by default in 15 minutes, the longest that Lambda allows.
  ///   - invokedFunctionARN: The ARN by which the function was called.
  ///   - traceID: The X-Ray tracing header.
  ///   - clientContext: JSON about the client.
  ///   - cognitoIdentity: JSON about the Amazon Cognito identity.
  ///   - tenantID: The tenant of a function with tenant isolation.
  ///   - function: The function.
  ///   - logger: The logger from which the context's own derives. `Logger(sink: .function { … })` receives each line.
  public init(
    requestID: String = InvocationContext.randomRequestID(), deadline: Date = Date(timeIntervalSinceNow: 900),
    invokedFunctionARN: String? = "arn:aws:lambda:us-east-1:123456789012:function:function", traceID: String? = nil,
    clientContext: String? = nil, cognitoIdentity: String? = nil, tenantID: String? = nil,
    function: LambdaFunction = LambdaFunction(name: "function"), logger: Logger = Logger()
  ) {
    self.init(
      requestID: requestID, deadline: deadline, invokedFunctionARN: invokedFunctionARN, traceID: traceID,
      clientContext: clientContext, cognitoIdentity: cognitoIdentity, tenantID: tenantID, function: function,
      boundLogger: logger.bound(toRequestID: requestID, tenantID: tenantID))
  }

  /// A random UUID (RFC 9562, version 4), as Lambda's request ids are.
  @usableFromInline static func randomRequestID() -> String {
    var random = SystemRandomNumberGenerator()
    // Version and variant.
    let high = random.next() & ~0xF000 | 0x4000
    let low = random.next() & ~(3 << 62) | 1 << 63
    let digits = [high, low].map { number in
      let text = String(number, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
    var parts: [Substring] = []
    var rest = digits[...]
    for count in [8, 4, 4, 4, 12] {
      parts.append(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
    return parts.joined(separator: "-")
  }

  init(
    requestID: String, deadline: Date, invokedFunctionARN: String?, traceID: String?, clientContext: String?,
    cognitoIdentity: String?, tenantID: String?, function: LambdaFunction, boundLogger: Logger
  ) {
    self.requestID = requestID
    self.deadline = deadline
    self.invokedFunctionARN = invokedFunctionARN
    self.traceID = traceID
    self.clientContext = clientContext
    self.cognitoIdentity = cognitoIdentity
    self.tenantID = tenantID
    self.function = function
    logger = boundLogger
  }

  /// The time until the deadline; zero after it.
  public var remainingTime: Duration { .until(deadline) }

  /// Registers work to run after the answer was accepted, before the next invocation: to send metrics, or to fill a
  /// cache. The caller does not wait for it, but it is billed, and delays the sandbox's next event.
  ///
  /// The work runs in the order of registration, also if the handler throws. It is cancelled shortly before the deadline
  /// and dropped if none of the time is left. Its errors are logged. Work may register more work; once the invocation is
  /// over, it is refused with a log line.
  public func afterResponse(_ work: @escaping @Sendable () async throws -> Void) {
    guard !self.work.add(work) else { return }
    logger.error("Work after the response was registered after the end of its invocation, and does not run.")
  }

  /// Runs the work that `afterResponse` registered, for a test of a handler; the runtime calls it after each answer.
  public func runWorkAfterResponse() async { await work.run(logger) }
}

extension Duration {
  /// The time from now to a date: zero at least, a year at most, because a date from outside may be any.
  static func until(_ date: Date) -> Duration {
    .seconds(min(max(date.timeIntervalSinceNow, 0), 31_536_000))
  }
}
