import HTTP
import JSON

/// A failed call to the Runtime API.
public enum RuntimeError: Error, Sendable, Equatable {
  /// `AWS_LAMBDA_RUNTIME_API` is not a host and port.
  case invalidAddress(String)
  /// The answer to `next` is not an invocation, or has no usable request id, so that it cannot be answered.
  case invalidInvocation(String)
  /// The service answered with a status other than the documented success.
  case status(Int, call: String, message: String)
  /// The service did not answer.
  case transport(HTTPError)

  /// Whether the process must end: the sandbox is broken (a status of 500 and above), or an invocation is lost.
  ///
  /// Lambda reports a lost invocation as soon as the process ends; otherwise its caller waits for the function's timeout.
  public var isFatal: Bool {
    switch self {
    case .status(let status, _, _): status >= 500
    case .invalidInvocation: true
    case .invalidAddress, .transport: false
    }
  }
}

extension RuntimeError {
  /// The error in an answer, with the service's own message.
  init(call: String, _ response: HTTPResponse) {
    var scanner = JSONScanner(response.body)
    let members = (try? scanner.strings()) ?? [:]
    let message = ["errorType", "errorMessage"].compactMap { members[$0] }.joined(separator: ": ")
    self = .status(
      response.status, call: call,
      message: message.isEmpty ? String(decoding: response.body.prefix(200), as: UTF8.self) : message)
  }
}

extension RuntimeError: CustomStringConvertible {
  /// A sentence for a log line.
  public var description: String {
    switch self {
    case .invalidAddress(let address):
      "AWS_LAMBDA_RUNTIME_API is \(address.debugDescription), which is not a host and port."
    case .invalidInvocation(let reason):
      "The Runtime API's answer to next is not an invocation: \(reason)."
    case .status(let status, let call, let message):
      "The Runtime API answered \(call) with HTTP \(status): \(message)"
    case .transport(let error):
      "The Runtime API did not answer: \(error)"
    }
  }
}
