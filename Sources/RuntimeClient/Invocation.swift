import HTTP
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// One event to be handled, with all that Lambda says about it.
public struct Invocation: Sendable {
  /// The event as it came: JSON, unless the caller of the function sent something else.
  public let payload: [UInt8]
  /// Who, when, how long, on whose behalf.
  public let context: InvocationContext
}

/// What Lambda says about an invocation and its function.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next>
public struct InvocationContext: Sendable {
  /// The id of the invocation: `Lambda-Runtime-Aws-Request-Id`.
  public let requestID: String
  /// When Lambda ends the invocation, to the millisecond: `Lambda-Runtime-Deadline-Ms`.
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
  /// Writes lines that carry the request id.
  public let logger: Logger

  /// What is left until the deadline; zero once it has passed.
  public var remainingTime: Duration { .until(deadline) }
}

/// The function that this process serves, from the variables that Lambda sets.
public struct LambdaFunction: Sendable, Equatable {
  /// `AWS_LAMBDA_FUNCTION_NAME`
  public let name: String
  /// `AWS_LAMBDA_FUNCTION_VERSION`
  public let version: String
  /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB; `nil` where it is not a number.
  public let memoryMB: Int?

  /// Reads the variables; one that is not set counts as empty.
  public init(environment: [String: String]) {
    name = environment["AWS_LAMBDA_FUNCTION_NAME"] ?? ""
    version = environment["AWS_LAMBDA_FUNCTION_VERSION"] ?? ""
    memoryMB = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"].flatMap { Int($0) }
  }
}

extension Invocation {
  /// Reads an answer of `next`.
  ///
  /// - Throws: `RuntimeError.invalidInvocation` when the id or the deadline is missing or malformed.
  init(_ response: HTTPResponse, function: LambdaFunction, logger: Logger) throws(RuntimeError) {
    let headers = response.headers
    guard let requestID = headers["Lambda-Runtime-Aws-Request-Id"], requestID.isRequestID else {
      throw .invalidInvocation(requestID: nil, "Lambda-Runtime-Aws-Request-Id is missing or malformed")
    }
    guard let deadline = headers["Lambda-Runtime-Deadline-Ms"].flatMap({ Int64($0) }), deadline > 0 else {
      throw .invalidInvocation(requestID: requestID, "Lambda-Runtime-Deadline-Ms is missing or malformed")
    }
    let tenantID = headers["Lambda-Runtime-Aws-Tenant-Id"]
    payload = response.body
    context = InvocationContext(
      requestID: requestID,
      deadline: Date(timeIntervalSince1970: Double(deadline) / 1000),
      invokedFunctionARN: headers["Lambda-Runtime-Invoked-Function-Arn"],
      traceID: headers["Lambda-Runtime-Trace-Id"],
      clientContext: headers["Lambda-Runtime-Client-Context"],
      cognitoIdentity: headers["Lambda-Runtime-Cognito-Identity"],
      tenantID: tenantID,
      function: function,
      logger: logger.bound(toRequestID: requestID, tenantID: tenantID))
  }
}

extension String {
  /// Whether this can be an invocation's id. It goes into the path of a request, so nothing may stand in it that
  /// means something there.
  fileprivate var isRequestID: Bool {
    (1...128).contains(utf8.count)
      && utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}

extension Duration {
  /// From now until a date: at least zero, at most a year, since a date from outside may be any.
  static func until(_ date: Date) -> Duration {
    .seconds(min(max(date.timeIntervalSinceNow, 0), 31_536_000))
  }
}
