import HTTP
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// An event to handle, with what Lambda says about it.
public struct Invocation: Sendable {
  /// The event as it was received: JSON, unless the function's caller sent something else.
  public let payload: [UInt8]
  /// The request's id, deadline, identity and logger.
  public let context: InvocationContext
}

extension Invocation {
  /// Reads an answer to `next`.
  ///
  /// - Throws: `RuntimeError.invalidInvocation` if the request id is missing or malformed.
  init(
    _ response: HTTPResponse, deadline: Date, function: LambdaFunction, logger: Logger
  ) throws(RuntimeError) {
    let headers = response.headers
    guard let requestID = headers["Lambda-Runtime-Aws-Request-Id"], requestID.isRequestID else {
      throw .invalidInvocation("Lambda-Runtime-Aws-Request-Id is missing or malformed")
    }
    let tenantID = headers["Lambda-Runtime-Aws-Tenant-Id"]
    payload = response.body
    context = InvocationContext(
      requestID: requestID,
      deadline: deadline,
      invokedFunctionARN: headers["Lambda-Runtime-Invoked-Function-Arn"],
      traceID: headers["Lambda-Runtime-Trace-Id"],
      clientContext: headers["Lambda-Runtime-Client-Context"],
      cognitoIdentity: headers["Lambda-Runtime-Cognito-Identity"],
      tenantID: tenantID,
      function: function,
      boundLogger: logger.bound(
        toRequestID: requestID, tenantID: tenantID, writingUntil: Self.writingEnd(before: deadline)))
  }

  /// The time after which a log line must not wait for its reader, so that the answer still reaches Lambda.
  private static func writingEnd(before deadline: Date) -> ContinuousClock.Instant {
    let remaining = Duration.until(deadline)
    return .now + remaining - Runtime.reserve(of: remaining)
  }
}

extension String {
  /// Whether the text can be a request id. It becomes a part of a request's path, so it must not hold a delimiter.
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
