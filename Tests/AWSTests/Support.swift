import Foundation
import HTTP
import Synchronization
import TestServers

@testable import AWS

let exampleCredentials = Credentials(
  accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

/// Shared by all tests, as by all clients of a process.
let transport = CurlTransport()

extension AWSConfiguration {
  /// A configuration with a loopback server for all services and with short waits.
  init(
    _ server: LoopbackServer, _ more: [String: String] = [:], attemptTimeout: Duration = .seconds(60),
    retryPolicy: RetryPolicy = RetryPolicy(transientBase: .milliseconds(2), throttlingBase: .milliseconds(5))
  ) throws {
    let environment = [
      "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
      "AWS_SESSION_TOKEN": "TOKEN", "AWS_ENDPOINT_URL": "http://\(server.address)",
      "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://\(server.address)/prod",
    ]
    try self.init(
      environment: Environment(environment.merging(more) { $1 }), transport: transport, attemptTimeout: attemptTimeout,
      retryPolicy: retryPolicy)
  }
}

extension ManagementAPI {
  init(_ configuration: AWSConfiguration) throws {
    try self.init(configuration, domainName: "example.com", stage: "prod", apiID: "abc123")
  }
}

extension Reply {
  /// An error response in the services' format.
  static func error(_ status: Int, _ code: String, headers: HTTPHeaders = [:]) -> Reply {
    Reply(status, headers: headers, text: #"{"__type":"\#(code)","message":"No."}"#)
  }

  func with(_ name: String, _ value: String) -> Reply {
    var reply = self
    reply.headers.add(name: name, value: value)
    return reply
  }
}

/// A sequence of replies, the last of which repeats.
final class Script: Sendable {
  private let replies: Mutex<[Reply]>

  init(_ replies: [Reply]) { self.replies = Mutex(replies) }

  func next() -> Reply { replies.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] } }
}

extension LoopbackServer {
  /// A server with a sequence of replies.
  convenience init(_ replies: Reply...) throws {
    let script = Script(replies)
    try self.init { _ in script.next() }
  }
}

/// The error that a body throws; `nil` if it throws none, or one of another type.
func failure<Failure: Error>(_ type: Failure.Type, _ body: () async throws -> Void) async -> Failure? {
  do {
    try await body()
    return nil
  } catch {
    return error as? Failure
  }
}

extension Date {
  /// The date in the format of a `Date` header field.
  var httpDate: String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return formatter.string(from: self)
  }
}

/// Answers every request with an empty success and records its URL and response limit.
final class RecordingTransport: HTTPTransport {
  private let recorded = Mutex<[HTTPRequest]>([])

  var urls: [String] { recorded.withLock { $0.compactMap(\.url?.absoluteString) } }
  var limits: [Int] { recorded.withLock { $0.map(\.maximumResponseBytes) } }

  func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    recorded.withLock { $0.append(request) }
    return HTTPResponse(status: 200, body: Array(#"{"Items":[]}"#.utf8))
  }
}

/// Answers in memory, by the request and the number of requests so far.
final class ScriptedTransport: HTTPTransport {
  typealias Answer = @Sendable (_ request: HTTPRequest, _ number: Int) throws -> HTTPResponse

  private let count = Mutex(0)
  private let answer: Answer

  init(_ answer: @escaping Answer) { self.answer = answer }

  var requestCount: Int { count.withLock { $0 } }

  func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    let number = count.withLock { count in
      count += 1
      return count
    }
    // As with sockets, every request is sent before the first response arrives.
    await Task.yield()
    return try answer(request, number)
  }
}

extension AWSConfiguration {
  /// A configuration with an in-memory transport.
  init(_ transport: any HTTPTransport) throws {
    let environment = ["AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
    try self.init(
      environment: Environment(environment), transport: transport, attemptTimeout: .seconds(60),
      retryPolicy: RetryPolicy(transientBase: .milliseconds(2), throttlingBase: .milliseconds(5)))
  }
}
