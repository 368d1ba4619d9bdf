import HTTP
import Synchronization

/// The response of a streaming function, which is sent while the handler writes it.
///
/// ```swift
/// Lambda.run { event, response, context in
///   try await response.begin(status: 200, headers: ["Content-Type": "text/event-stream"])
///   for number in 1...10 { try await response.write("data: \(number)\n\n") }
/// }
/// ```
///
/// Each write is sent at once. The response ends when the handler returns. An error that the handler throws before it has
/// written anything is the function's error; later it ends the response, and Lambda tells the client about it.
///
/// Lambda accepts 200 MB for a streamed response (20 MB in regions without the increase of 2025), the first 6 MB at any
/// speed and the rest at 2 MB/s. Any task may write, from any thread; the bytes of one call stay together.
public final class ResponseStream: Sendable {
  typealias Start = @Sendable (ResponseHead, BodyStream) throws -> Void

  private struct State {
    var contentType = ResponseHead.raw(contentType: "application/octet-stream")
    var hasBegun = false
    var hasEnded = false
  }

  private let state = Mutex(State())
  private let body = BodyStream()
  /// Starts to send the response; throws if the invocation is already answered.
  private let start: Start

  init(start: @escaping Start) { self.start = start }

  /// Creates a response for a test of a handler.
  ///
  /// - Parameters:
  ///   - onBegin: Called with the status and header fields of `begin`.
  ///   - onWrite: Called with the bytes of one or more writes.
  public convenience init(
    onBegin: @escaping @Sendable (_ status: Int, _ headers: HTTPHeaders) -> Void = { _, _ in },
    onWrite: @escaping @Sendable ([UInt8]) -> Void
  ) {
    self.init(start: { head, body in
      if case .http(let status, let headers, _) = head { onBegin(status, headers) }
      body.deliver { bytes in
        onWrite(bytes)
        return true
      }
    })
  }

  /// Sets the content type of a response that is not HTTP, before the first write; by default
  /// `application/octet-stream`.
  ///
  /// - Throws: `FunctionError` of type `Runtime.InvalidResponse` if a header field cannot hold the value, or if the response
  ///   has begun.
  public func setContentType(_ contentType: String) throws {
    let head = try ResponseHead.raw(contentType)
    try state.withLock { state throws(FunctionError) in
      guard !state.hasBegun else { throw .responseHasBegun }
      state.contentType = head
    }
  }

  /// Begins an HTTP response: sends its status and header fields to a function URL at once.
  ///
  /// Without this call the function URL answers 200 with the content type of `setContentType`. A caller that is not a
  /// function URL, such as an SDK, receives these values as a JSON object and eight NUL bytes before the response.
  ///
  /// - Parameters:
  ///   - status: The status code, 200 to 599.
  ///   - headers: The header fields.
  ///   - cookies: The values of `Set-Cookie` fields.
  /// - Throws: `FunctionError` of type `Runtime.InvalidResponse` for values that HTTP does not allow, or if the response
  ///   has begun; `CancellationError` after the deadline.
  public func begin(status: Int, headers: HTTPHeaders = [:], cookies: [String] = []) throws {
    let head = try ResponseHead.http(status, headers, cookies: cookies)
    try state.withLock { state in
      guard !state.hasBegun else { throw FunctionError.responseHasBegun }
      try start(head, body)
      state.hasBegun = true
    }
  }

  /// Writes bytes, and suspends while more than 64 KiB are unsent.
  ///
  /// - Throws: `RuntimeError` if Lambda does not accept the response, `CancellationError` if the handler is cancelled.
  public func write(_ bytes: [UInt8]) async throws {
    guard !bytes.isEmpty else { return }
    try Task.checkCancellation()
    try beginIfNecessary()
    try await body.write(bytes)
  }

  /// Writes a text in UTF-8; see `write(_:)`.
  public func write(_ text: String) async throws { try await write(Array(text.utf8)) }

  // MARK: - For the runtime

  /// Whether the response has begun: an error is then a part of it.
  var hasBegun: Bool { state.withLock { $0.hasBegun } }

  /// Ends the response, with an error if it is incomplete.
  ///
  /// - Returns: Whether this was the first call.
  /// - Throws: An error of `start`, for a response that had not begun.
  @discardableResult
  func end(_ error: FunctionError? = nil) throws -> Bool {
    try beginIfNecessary()
    guard claimEnd() else { return false }
    finish(error)
    return true
  }

  /// Returns true for the first call after the response has begun; that caller must then call `finish`.
  func claimEnd() -> Bool { state.withLock { $0.hasBegun && !exchange(&$0.hasEnded, with: true) } }

  /// Ends the response, for the caller of `claimEnd`.
  func finish(_ error: FunctionError?) { body.finish(trailer: error?.streamTrailer ?? [:]) }

  private func beginIfNecessary() throws {
    try state.withLock { state in
      guard !state.hasBegun else { return }
      try start(state.contentType, body)
      state.hasBegun = true
    }
  }
}

extension FunctionError {
  fileprivate static let responseHasBegun = FunctionError(
    type: "Runtime.InvalidResponse", message: "The response has begun; its head cannot be changed.")
}
