import Foundation
import HTTP

extension RuntimeAPIEmulator {
  /// An event to serve.
  public struct Event: Sendable {
    /// The invocation's id.
    public var requestID: String
    /// The event's bytes.
    public var payload: [UInt8]
    /// Seconds from when the event is served to its deadline.
    public var timeout: TimeInterval
    /// Further header fields; one with an empty value removes the emulator's own.
    public var headers: HTTPHeaders

    /// Creates an event.
    public init(
      _ requestID: String, _ payload: String = "{}", timeout: TimeInterval = 30, headers: HTTPHeaders = [:]
    ) {
      self.requestID = requestID
      self.payload = Array(payload.utf8)
      self.timeout = timeout
      self.headers = headers
    }
  }

  /// One of the four calls.
  public enum Call: Sendable, Equatable {
    /// `GET /runtime/invocation/next`
    case next
    /// `POST /runtime/invocation/{id}/response`
    case response(String)
    /// `POST /runtime/invocation/{id}/error`
    case error(String)
    /// `POST /runtime/init/error`
    case initError
    /// A target that the Runtime API does not have.
    case unknown(String)

    /// Whether the call is the response to an invocation.
    public var isResponse: Bool { if case .response = self { true } else { false } }
  }

  /// A response or an error that the emulator accepted.
  public struct Answer: Sendable {
    /// The call.
    public let call: Call
    /// The request, whole.
    public let request: RecordedRequest

    /// The request's body as text: the response, or the JSON of an error.
    public var text: String { String(decoding: request.body, as: UTF8.self) }
    /// The error that ended a streamed response: its type, and its body as JSON. `nil` for none.
    public var streamError: (type: String, body: String)? {
      guard let type = request.trailer["Lambda-Runtime-Function-Error-Type"] else { return nil }
      let body = request.trailer["Lambda-Runtime-Function-Error-Body"].flatMap { Data(base64Encoded: $0) } ?? Data()
      return (type, String(decoding: body, as: UTF8.self))
    }
  }

  /// The error of `invoke` when no answer arrives.
  public struct NoAnswer: Error, CustomStringConvertible {
    /// A sentence for a person.
    public let description: String
  }
}

extension RuntimeAPIEmulator.Call {
  init(_ request: RecordedRequest) {
    let path = request.target.split(separator: "/").map(String.init)
    guard path.count >= 4, path[0] == "2018-06-01", path[1] == "runtime" else {
      self = .unknown(request.target)
      return
    }
    switch (request.method, path.count, path[2], path.last) {
    case ("GET", 4, "invocation", "next"): self = .next
    case ("POST", 4, "init", "error"): self = .initError
    case ("POST", 5, "invocation", "response"): self = .response(path[3])
    case ("POST", 5, "invocation", "error"): self = .error(path[3])
    default: self = .unknown(request.target)
    }
  }
}
