import HTTP
import JSON

/// A failed call to an AWS service.
///
/// Text from the service is printable and of bounded length: 128 characters for codes and ids, 300 for messages.
public struct AWSError: Error, Sendable {
  /// The code for a response that does not conform to the service's API.
  public static let invalidResponse = "InvalidResponse"
  /// The code for a request without a response; `transport` has the reason.
  public static let noResponse = "NoResponse"

  /// The service, such as `DynamoDB`.
  public let service: String
  /// The operation, such as `PutItem`.
  public let operation: String
  /// The HTTP status, `nil` without a response.
  public let status: Int?
  /// The service's error code, such as `ConditionalCheckFailedException`, without namespace or URL.
  public let code: String
  /// The first line of the service's message, or the transport's.
  public let message: String
  /// The service's id of the request, which AWS support asks for.
  public let requestID: String?
  /// The transport's error, if there was no response.
  public let transport: HTTPError?
  /// The number of attempts.
  public internal(set) var attempts = 1
  /// The body of a response to a failed condition, which may hold the item; empty for other errors.
  var body: [UInt8] = []

  /// Whether DynamoDB refused an operation because its condition does not hold.
  public var isConditionFailure: Bool { code == "ConditionalCheckFailedException" }
}

extension AWSError: CustomStringConvertible, CustomReflectable {
  /// One line: service, operation, status, code, message, request id, attempts.
  public var description: String {
    var text = "\(service) \(operation): \(code)"
    if let status { text += " (HTTP \(status))" }
    text += ": \(message)"
    if let requestID { text += " [request id \(requestID)]" }
    return attempts > 1 ? "\(text) after \(attempts) attempts" : text
  }

  /// The description only: the body is an item, which must not reach a log.
  public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

extension AWSError {
  /// The error in a response whose status is not a success.
  ///
  /// The code comes from `x-amzn-ErrorType` or the body's `__type` or `code`, without its namespace
  /// (`com.amazonaws.dynamodb.v20120810#`) and URL (`:http://internal.amazon.com/…`).
  package init(service: String, operation: String, response: HTTPResponse) {
    var scanner = JSONScanner(response.body)
    let members = (try? scanner.strings()) ?? [:]
    let code = [response.headers["x-amzn-ErrorType"], members["__type"], members["code"]].lazy.compactMap { $0 }.first
      .map { $0.prefix { $0 != ":" } }
      .map { ExternalText.identifier($0[($0.lastIndex(of: "#").map($0.index(after:)) ?? $0.startIndex)...]) }
    let defaultCode = Self.defaultCodes[response.status] ?? "HTTP\(response.status)"
    let message = ExternalText.firstLine(
      members["message"] ?? members["Message"] ?? String(decoding: response.body.prefix(2048), as: UTF8.self))
    self.init(
      service: service, operation: operation, status: response.status,
      code: code.flatMap { $0.isEmpty ? nil : $0 } ?? defaultCode, message: message.isEmpty ? "no message" : message,
      requestID: response.requestID, transport: nil)
    if isConditionFailure { self.body = response.body }
  }

  /// Codes for responses of a load balancer or API Gateway without one.
  private static let defaultCodes = [
    403: "ForbiddenException", 410: "GoneException", 413: "PayloadTooLargeException", 429: "TooManyRequestsException",
  ]

  /// The error for a response that does not conform to the API.
  init(service: String, operation: String, invalid response: HTTPResponse, _ message: String) {
    self.init(
      service: service, operation: operation, status: response.status, code: Self.invalidResponse,
      message: message, requestID: response.requestID, transport: nil)
  }

  /// The error for a request without a response.
  init(service: String, operation: String, transport: HTTPError) {
    self.init(
      service: service, operation: operation, status: nil, code: Self.noResponse, message: transport.description,
      requestID: nil, transport: transport)
  }
}

extension HTTPResponse {
  fileprivate var requestID: String? {
    (headers["x-amzn-RequestId"] ?? headers["x-amz-request-id"]).map { ExternalText.identifier($0) }
  }
}
