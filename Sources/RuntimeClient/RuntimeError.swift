import HTTP

/// Why a call to the Runtime API failed.
public enum RuntimeError: Error, Sendable, Equatable {
  /// The Runtime API's address, `AWS_LAMBDA_RUNTIME_API`, is not a host and port.
  case invalidAddress(String)
  /// `next` gave something which is not an invocation; with the id it can still be answered with an error.
  case invalidInvocation(requestID: String?, String)
  /// The service answered with a status other than the documented success.
  case status(Int, call: String, message: String)
  /// No answer came.
  case transport(HTTPError)

  /// Whether the sandbox is broken, so that the process has to end (a status of 500 and above).
  public var isFatal: Bool {
    if case .status(let status, _, _) = self { status >= 500 } else { false }
  }
}

extension RuntimeError: CustomStringConvertible {
  /// A sentence for a log line.
  public var description: String {
    switch self {
    case .invalidAddress(let address):
      "AWS_LAMBDA_RUNTIME_API is \(address.debugDescription), which is not a host and port."
    case .invalidInvocation(let requestID, let reason):
      "The Runtime API gave an invocation that cannot be handled: \(reason)"
        + (requestID.map { " (request id \($0))." } ?? ".")
    case .status(let status, let call, let message):
      "The Runtime API answered \(call) with HTTP \(status): \(message)"
    case .transport(let error):
      "The Runtime API did not answer: \(error)"
    }
  }
}
