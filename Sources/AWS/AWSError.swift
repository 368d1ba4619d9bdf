import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Why a call to an AWS service failed, with all that a log line needs for a person to act on it.
public struct AWSError: Error, Sendable {
  /// The code of an error that the service did not name: an answer which is not what its API promises.
  public static let invalidResponse = "InvalidResponse"
  /// The code of an error where no answer came at all; `transport` tells why.
  public static let noResponse = "NoResponse"

  /// The service, such as `DynamoDB`.
  public let service: String
  /// The operation, such as `PutItem`.
  public let operation: String
  /// The HTTP status, `nil` where no answer came.
  public let status: Int?
  /// The service's error code, such as `ConditionalCheckFailedException`, without namespace or URL.
  public let code: String
  /// What the service, or the transport, said.
  public let message: String
  /// The service's id of the request, which AWS support asks for.
  public let requestID: String?
  /// The transport's failure where no answer came.
  public let transport: HTTPError?
  /// How many attempts were made.
  public internal(set) var attempts = 1
}

extension AWSError: CustomStringConvertible {
  /// One line: service, operation, status, code, message, request id, attempts.
  public var description: String {
    var text = "\(service) \(operation): \(code)"
    if let status { text += " (HTTP \(status))" }
    text += ": \(message)"
    if let requestID { text += " [request id \(requestID)]" }
    return attempts > 1 ? "\(text) after \(attempts) attempts" : text
  }
}

extension AWSError {
  /// The error in an answer that is not a success.
  ///
  /// The code stands in `x-amzn-ErrorType` or the body's `__type` or `code`; services put a namespace before it
  /// (`com.amazonaws.dynamodb.v20120810#`) or a URL after it (`:http://internal.amazon.com/…`).
  init(service: String, operation: String, response: HTTPResponse) {
    let body = try? JSONDecoder().decode(Body.self, from: Data(response.body))
    let code = [response.headers["x-amzn-ErrorType"], body?.type, body?.code].lazy.compactMap { $0 }.first
      .map { $0.prefix { $0 != ":" } }
      .map { String($0[($0.lastIndex(of: "#").map($0.index(after:)) ?? $0.startIndex)...]) }
    let standIn = Self.standInCodes[response.status] ?? "HTTP\(response.status)"
    self.init(
      service: service, operation: operation, status: response.status,
      code: code.flatMap { $0.isEmpty ? nil : $0 } ?? standIn,
      message: Self.excerpt(body?.message ?? String(decoding: response.body.prefix(1024), as: UTF8.self)),
      requestID: response.requestID, transport: nil)
  }

  /// What an answer of that status means where a load balancer or API Gateway gives no code of its own.
  private static let standInCodes = [
    403: "ForbiddenException", 410: "GoneException", 413: "PayloadTooLargeException", 429: "TooManyRequestsException",
  ]

  /// An answer that is not what the API promises.
  init(service: String, operation: String, invalid response: HTTPResponse, _ message: String) {
    self.init(
      service: service, operation: operation, status: response.status, code: Self.invalidResponse,
      message: message, requestID: response.requestID, transport: nil)
  }

  /// No answer.
  init(service: String, operation: String, transport: HTTPError) {
    self.init(
      service: service, operation: operation, status: nil, code: Self.noResponse, message: transport.description,
      requestID: nil, transport: transport)
  }

  /// The first line of what a service said, 300 characters at most.
  ///
  /// Enough to see what it is about, be it a proxy's page. On a wrong signature the lines that follow repeat the whole
  /// request, the session token with it, and that must not come into a log.
  private static func excerpt(_ text: String) -> String {
    let line = text.drop { $0.isWhitespace }.prefix { !$0.isNewline }.prefix(300)
    return line.isEmpty ? "no message" : String(line)
  }

  private struct Body: Decodable {
    let type: String?
    let code: String?
    let message: String?

    private enum Key: String, CodingKey {
      case __type, code, message, Message
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      type = try? container.decode(String.self, forKey: .__type)
      code = try? container.decode(String.self, forKey: .code)
      message =
        (try? container.decode(String.self, forKey: .message)) ?? (try? container.decode(String.self, forKey: .Message))
    }
  }
}

extension HTTPResponse {
  fileprivate var requestID: String? { headers["x-amzn-RequestId"] ?? headers["x-amz-request-id"] }
}
