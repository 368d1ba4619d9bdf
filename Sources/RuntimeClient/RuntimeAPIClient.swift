import HTTP
import Log
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A client of the Lambda Runtime API, version 2018-06-01: one method for each of its four calls.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
public final class RuntimeAPIClient: Sendable {
  /// The project and its version, as `User-Agent` and `--version` show them.
  public static let userAgent = "swift-lambda-websocket-chat/0.1.0"
  /// The largest response that Lambda accepts, in bytes: 6 MiB and 100 bytes.
  public static let maximumResponseBytes = 6_291_556
  /// The largest event that is read, in bytes. Lambda's own limit is 6 MiB.
  public static let maximumEventBytes = 6_300_000

  /// Attempts to send a response or an error when the service does not answer.
  private static let maximumAttempts = 3
  /// The time of one such attempt; the service is on this machine.
  private static let postTimeout = Duration.seconds(10)

  /// The host and port of the Runtime API.
  let address: RuntimeAPIAddress
  private let transports: RuntimeAPITransports
  private let function: LambdaFunction
  private let logger: Logger
  private let timeout = Mutex(TimeoutEstimate())

  /// Creates a client.
  ///
  /// - Parameters:
  ///   - address: The host and port in `AWS_LAMBDA_RUNTIME_API`; an IPv6 address is in brackets.
  ///   - transports: The transports to use for the life of the process.
  ///   - function: The function, a part of each invocation's context.
  ///   - logger: The logger from which each invocation's logger derives.
  /// - Throws: `RuntimeError.invalidAddress`.
  public init(
    address: String, transports: RuntimeAPITransports, function: LambdaFunction, logger: Logger
  ) throws(RuntimeError) {
    let address = try RuntimeAPIAddress(address)
    self.address = address
    #if !Lean
      // The other transports use no proxy for http.
      URLSessionTransport.bypassProxy(to: address.host)
    #endif
    self.transports = transports.adapted(to: address)
    self.function = function
    self.logger = logger
  }

  /// Waits for the next invocation, for hours if necessary.
  ///
  /// An answer that is not an invocation is an error with `RuntimeError.isFatal`: Lambda handed out an invocation that
  /// this process cannot identify, and reports it as failed as soon as the process ends.
  ///
  /// - Throws: `RuntimeError`, `CancellationError`.
  public func next() async throws -> Invocation {
    var request = self.request(.get, "invocation/next")
    request.maximumResponseBytes = Self.maximumEventBytes
    while true {
      do {
        let response = try await transports.polling.send(request)
        guard response.status == 200 else { throw RuntimeError(call: "next", response) }
        guard response.body.count <= Self.maximumEventBytes else {
          throw RuntimeError.invalidInvocation("the event has \(response.body.count) bytes")
        }
        return try invocation(response)
      } catch let error as HTTPError {
        switch error.reason {
        case .timedOut: try Task.checkCancellation()  // The transport's own limit: poll again.
        case .invalidResponse, .responseTooLarge: throw RuntimeError.invalidInvocation("\(error)")
        default: throw RuntimeError.transport(error)
        }
      }
    }
  }

  private func invocation(_ response: HTTPResponse) throws(RuntimeError) -> Invocation {
    let header = response.headers["Lambda-Runtime-Deadline-Ms"]
    let (deadline, problem) = timeout.withLock { $0.deadline(header, now: Date()) }
    let invocation = try Invocation(response, deadline: deadline, function: function, logger: logger)
    if let problem {
      let seconds = (invocation.context.remainingTime / .seconds(1)).rounded()
      invocation.context.logger.warn(
        "Lambda-Runtime-Deadline-Ms \(problem); the handler gets \(Int(seconds)) s, the longest timeout known.")
    }
    return invocation
  }

  /// Sends the response to an invocation.
  ///
  /// - Throws: `FunctionError` of type `Function.ResponseSizeTooLarge` for a payload of more than `maximumResponseBytes`,
  ///   of which nothing is sent; `RuntimeError`; `CancellationError`.
  public func respond(to requestID: String, with payload: [UInt8]) async throws {
    try Self.checkSize(of: payload)
    try await post(
      "invocation/\(requestID)/response", call: "response", headers: ["Content-Type": "application/json"],
      body: payload)
  }

  /// Sends a response while it is written, in chunks, and waits until the service has accepted it.
  ///
  /// - Parameters:
  ///   - contentType: A valid field value.
  ///   - body: The response; its writers get this method's error.
  ///   - timeout: The time until the service must have accepted the whole response.
  /// - Throws: `RuntimeError`, `CancellationError`.
  func stream(
    to requestID: String, contentType: String, _ body: BodyStream, within timeout: Duration
  ) async throws {
    do {
      var request = self.request(
        .post, "invocation/\(requestID)/response",
        headers: [
          "Content-Type": contentType, "Lambda-Runtime-Function-Response-Mode": "streaming",
          "Transfer-Encoding": "chunked",
          "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
        ])
      request.timeout = timeout
      let response = try await transports.streaming.send(request, body: body)
      guard response.status == 202 else { throw RuntimeError(call: "response", response) }
    } catch {
      let error = (error as? HTTPError).map { RuntimeError.transport($0) } ?? error
      body.fail(error)
      throw error
    }
  }

  /// Checks that Lambda accepts a response.
  ///
  /// - Throws: `FunctionError` of type `Function.ResponseSizeTooLarge`.
  static func checkSize(of response: [UInt8]) throws(FunctionError) {
    guard response.count <= maximumResponseBytes else {
      throw FunctionError(
        type: "Function.ResponseSizeTooLarge",
        message: "The response has \(response.count) bytes; Lambda accepts at most \(maximumResponseBytes).")
    }
  }

  /// Reports an invocation's failure.
  ///
  /// - Throws: `RuntimeError`, `CancellationError`.
  public func fail(_ requestID: String, with error: FunctionError) async throws {
    try await post("invocation/\(requestID)/error", call: "error", error)
  }

  /// Reports that the function cannot be initialized; the process must end afterwards.
  ///
  /// - Throws: `RuntimeError`, `CancellationError`.
  public func failInit(with error: FunctionError) async throws {
    try await post("init/error", call: "init error", error)
  }

  private func post(_ path: String, call: String, _ error: FunctionError) async throws {
    var headers: HTTPHeaders = [
      "Content-Type": "application/vnd.aws.lambda.error+json",
      "Lambda-Runtime-Function-Error-Type": error.type,
    ]
    headers["Lambda-Runtime-Function-XRay-Error-Cause"] = error.xrayCause
    try await post(path, call: call, headers: headers, body: error.body)
  }

  /// Posts, and repeats the post if no answer came: the service accepts only the first one for an id.
  private func post(_ path: String, call: String, headers: HTTPHeaders, body: [UInt8]) async throws {
    var request = self.request(.post, path, headers: headers, body: body)
    request.timeout = Self.postTimeout
    var attempt = 1
    while true {
      do {
        let response = try await transports.sending.send(request)
        guard response.status == 202 else { throw RuntimeError(call: call, response) }
        return
      } catch let error as HTTPError {
        let isAnswered = error.reason == .responseTooLarge
        guard attempt < Self.maximumAttempts, error.reason != .invalidRequest, !isAnswered else {
          throw RuntimeError.transport(error)
        }
        attempt += 1
      }
    }
  }

  private func request(
    _ method: HTTPMethod, _ path: String, headers: HTTPHeaders = [:], body: [UInt8] = []
  ) -> HTTPRequest {
    var headers = headers
    headers["User-Agent"] = Self.userAgent
    return HTTPRequest(
      method: method, scheme: "http", authority: address.authority, path: "/2018-06-01/runtime/\(path)",
      headers: headers, body: body)
  }
}

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
