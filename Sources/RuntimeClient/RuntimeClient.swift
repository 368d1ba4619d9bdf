import HTTP
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The Lambda Runtime API, version 2018-06-01: one function for each of its four calls.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
public struct RuntimeClient: Sendable {
  /// The project and its version, as the service and `bootstrap --version` show it.
  public static let userAgent = "swift-lambda-websocket-chat/0.1.0"
  /// The most bytes that a response may have: 6 MiB and 100 bytes.
  public static let maximumResponseBytes = 6_291_556

  /// How often a response or an error is sent when no answer comes.
  private static let maximumAttempts = 3
  /// How long one such attempt may take; the service is on this machine.
  private static let postTimeout = Duration.seconds(10)

  /// What this build reaches the Runtime API by: URLSession, or libcurl alone where the package's trait `Lean` is on.
  ///
  /// - Parameter connections: how many invocations are handled side by side.
  public static func transport(connections: Int = 1) -> any HTTPTransport {
    #if Lean
      CurlTransport()
    #else
      URLSessionTransport(maximumConnectionsPerHost: connections)
    #endif
  }

  private let transport: any HTTPTransport
  private let base: String
  private let function: LambdaFunction
  private let logger: Logger

  /// Makes a client.
  ///
  /// - Parameters:
  ///   - address: host and port, as `AWS_LAMBDA_RUNTIME_API` gives them.
  ///   - transport: one for the life of the process, such as `RuntimeClient.transport()`.
  ///   - function: goes into each invocation's context.
  ///   - logger: each invocation's logger is made of it.
  /// - Throws: `RuntimeError.invalidAddress`
  public init(
    address: String, transport: any HTTPTransport, function: LambdaFunction, logger: Logger
  ) throws(RuntimeError) {
    base = "http://\(address)/2018-06-01/runtime"
    // Nothing but host and port: whatever else a URL can hold would end up in the path of each call.
    guard let url = URL(string: base), let host = url.host(percentEncoded: true), !host.isEmpty, url.user == nil,
      (0...65_535).contains(url.port ?? 80), address == host + (url.port.map { ":\($0)" } ?? "")
    else {
      throw .invalidAddress(address)
    }
    #if !Lean
      // No proxy reaches the Runtime API. CurlTransport takes none for http.
      URLSessionTransport.bypassProxy(to: host)
    #endif
    self.transport = transport
    self.function = function
    self.logger = logger
  }

  /// Waits for the next invocation, for hours if need be.
  ///
  /// - Throws: `RuntimeError`, `CancellationError`.
  public func next() async throws -> Invocation {
    let request = try self.request(.get, "invocation/next")
    while true {
      do {
        let response = try await transport.send(request)
        guard response.status == 200 else { throw RuntimeError(call: "next", response) }
        return try Invocation(response, function: function, logger: logger)
      } catch let error as HTTPError where error.reason == .timedOut {
        // A transport that cannot wait without end has waited for as long as it can: ask again.
        try Task.checkCancellation()
      } catch let error as HTTPError {
        throw RuntimeError.transport(error)
      }
    }
  }

  /// Answers an invocation.
  ///
  /// A response of more than `maximumResponseBytes` is never sent: the invocation is answered with an error instead.
  ///
  /// - Throws: `RuntimeError`, `CancellationError`.
  public func respond(to requestID: String, with payload: [UInt8]) async throws {
    guard payload.count <= Self.maximumResponseBytes else {
      throw FunctionError(
        type: "Function.ResponseSizeTooLarge",
        message: "The response has \(payload.count) bytes; Lambda takes \(Self.maximumResponseBytes) at most.")
    }
    try await post(
      "invocation/\(requestID)/response", call: "response", headers: ["Content-Type": "application/json"],
      body: payload)
  }

  /// Answers an invocation with an error.
  ///
  /// - Throws: `RuntimeError`, `CancellationError`.
  public func fail(_ requestID: String, with error: FunctionError) async throws {
    try await post("invocation/\(requestID)/error", call: "error", error)
  }

  /// Tells Lambda that the function cannot be initialized; the process has to end after it.
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

  /// Posts, again on a fresh connection where no answer came: the service takes only the first it gets for an id.
  private func post(_ path: String, call: String, headers: HTTPHeaders, body: [UInt8]) async throws {
    var request = try self.request(.post, path, headers: headers, body: body)
    request.timeout = Self.postTimeout
    var attempt = 1
    while true {
      do {
        let response = try await transport.send(request)
        guard response.status == 202 else { throw RuntimeError(call: call, response) }
        return
      } catch let error as HTTPError {
        guard attempt < Self.maximumAttempts, error.reason != .invalidRequest else {
          throw RuntimeError.transport(error)
        }
        attempt += 1
      }
    }
  }

  private func request(
    _ method: HTTPMethod, _ path: String, headers: HTTPHeaders = [:], body: [UInt8] = []
  ) throws(RuntimeError) -> HTTPRequest {
    guard let url = URL(string: "\(base)/\(path)") else { throw .invalidAddress(base) }
    var headers = headers
    headers["User-Agent"] = Self.userAgent
    return HTTPRequest(method: method, url: url, headers: headers, body: body)
  }
}

extension RuntimeError {
  /// The error in an answer, with the service's own message.
  fileprivate init(call: String, _ response: HTTPResponse) {
    let body = try? JSONDecoder().decode(ServiceMessage.self, from: Data(response.body))
    let message = [body?.errorType, body?.errorMessage].compactMap { $0 }.joined(separator: ": ")
    self = .status(
      response.status, call: call,
      message: message.isEmpty ? String(decoding: response.body.prefix(200), as: UTF8.self) : message)
  }

  private struct ServiceMessage: Decodable {
    let errorType: String?
    let errorMessage: String?
  }
}
