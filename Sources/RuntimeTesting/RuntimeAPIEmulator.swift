import Foundation
import HTTP
import Synchronization

/// A Lambda Runtime API on a loopback socket: serves events one after the other, accepts the answers, and lets a test
/// replace the answer to any call.
///
/// ```swift
/// let emulator = try RuntimeAPIEmulator()
/// let function = try FunctionProcess("Orders", on: emulator)
/// let answer = try await emulator.invoke(#"{"id":7,"price":12.5}"#)
/// #expect(answer.call.isResponse)
/// ```
public final class RuntimeAPIEmulator: Sendable {
  /// Returns a reply that replaces the service's own, so that the call has no effect; `nil` lets the call be served.
  public typealias Interception = @Sendable (_ call: Call, _ ordinal: Int) -> Reply?

  /// Observes a streamed response as it arrives; see `LoopbackServer.Observation`.
  public typealias Observation = @Sendable (_ call: Call, _ progress: BodyProgress) -> Reply?

  fileprivate struct State {
    var events: [Event]
    var streams: [String: AsyncStream<[UInt8]>.Continuation] = [:]
    var pending: Set<String> = []
    var answers: [Answer] = []
    var calls: [Call] = []
    var isStopped = false
    var isClosed = false
  }

  private final class Core: Sendable {
    let state: Mutex<State>
    let changed = NSCondition()
    init(_ state: State) { self.state = Mutex(state) }

    func update<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
      changed.lock()
      defer {
        changed.broadcast()
        changed.unlock()
      }
      return state.withLock { body(&$0) }
    }

    /// Blocks until `body` returns a value or the emulator stops.
    func wait<Result: Sendable>(_ body: (inout State) -> Result?) -> Result? {
      changed.lock()
      defer { changed.unlock() }
      while true {
        let (result, isStopped) = state.withLock { (body(&$0), $0.isStopped) }
        if result != nil || isStopped { return result }
        _ = changed.wait(until: Date(timeIntervalSinceNow: 0.1))
      }
    }
  }

  private let core: Core
  private let server: LoopbackServer

  /// Host and port, for `AWS_LAMBDA_RUNTIME_API`.
  public var address: String { server.address }

  /// Starts an emulator.
  ///
  /// - Parameters:
  ///   - events: The events to serve first.
  ///   - isIPv6: Whether the address is ::1.
  ///   - maximumBodyBytes: The maximum number of bytes to record of each answer; the rest is read and counted.
  ///   - intercept: Replaces the answers to calls.
  ///   - observe: Observes streamed responses as they arrive.
  public init(
    _ events: [Event] = [], isIPv6: Bool = false, maximumBodyBytes: Int = .max,
    intercept: @escaping Interception = { _, _ in nil }, observe: @escaping Observation = { _, _ in nil }
  ) throws {
    let core = Core(State(events: events))
    self.core = core
    server = try LoopbackServer(isIPv6: isIPv6, maximumBodyBytes: maximumBodyBytes) { request, progress in
      let call = Call(request)
      if case .response(let id) = call { core.update { $0.record(progress, of: id) } }
      return observe(call, progress)
    } answer: { request in
      let call = Call(request)
      let ordinal = core.update { state in
        state.calls.append(call)
        return state.calls.count
      }
      return intercept(call, ordinal) ?? Self.serve(call, request, core)
    }
  }

  deinit { stop() }

  /// Every request so far, whole.
  public var requests: [RecordedRequest] { server.requests }
  /// The number of connections so far.
  public var connectionCount: Int { server.connectionCount }
  /// Every call so far.
  public var calls: [Call] { core.update { $0.calls } }
  /// The answers that were accepted with a 202 so far.
  public var answers: [Answer] { core.update { $0.answers } }

  /// Adds an event.
  public func serve(_ event: Event) { core.update { $0.events.append(event) } }

  /// Returns the chunks of an invocation's streamed response, each when it arrives; call it before the event is served.
  ///
  /// The sequence ends with the response, whole or not. `answers` then has a response that is whole.
  public func chunks(of requestID: String) -> AsyncStream<[UInt8]> {
    let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    core.update { $0.streams[requestID] = continuation }
    return stream
  }

  /// Serves one event and waits for its answer.
  ///
  /// - Parameters:
  ///   - payload: The event.
  ///   - timeout: The time until the event's deadline, and the longest time to wait.
  /// - Throws: `NoAnswer`.
  public func invoke(_ payload: String, within timeout: Duration = .seconds(30)) async throws -> Answer {
    let id = UUID().uuidString.lowercased()
    serve(Event(id, payload, timeout: timeout / .seconds(1)))
    func answer(_ answers: [Answer]) -> Answer? { answers.first { $0.call == .response(id) || $0.call == .error(id) } }
    await wait(timeout) { answer($0.answers) != nil || $0.answers.contains { $0.call == .initError } }
    if let answer = answer(answers) { return answer }
    let initError = answers.first { $0.call == .initError }
    throw NoAnswer(
      description: initError.map { "The function failed to initialize: \($0.text)" }
        ?? "The function did not answer within \(timeout).")
  }

  /// Closes every connection and ends the server.
  public func stop() {
    core.update { $0.isStopped = true }
    server.stop()
  }

  /// Waits for the given number of accepted answers, at most for `timeout`, and returns all answers so far.
  public func answers(count: Int, within timeout: Duration = .seconds(120)) async -> [Answer] {
    await wait(timeout) { $0.answers.count >= count }
    return answers
  }

  /// Waits for the given number of calls, at most for `timeout`, and returns all calls so far.
  public func calls(count: Int, within timeout: Duration = .seconds(120)) async -> [Call] {
    await wait(timeout) { $0.calls.count >= count }
    return calls
  }

  private func wait(_ timeout: Duration, until condition: (State) -> Bool) async {
    let end = ContinuousClock.now + timeout
    while ContinuousClock.now < end, !core.update({ condition($0) }) { try? await Task.sleep(for: .milliseconds(2)) }
  }

  private static func serve(_ call: Call, _ request: RecordedRequest, _ core: Core) -> Reply {
    switch call {
    case .next:
      let event = core.wait { state -> Event? in
        guard !state.events.isEmpty else { return nil }
        let event = state.events.removeFirst()
        state.pending.insert(event.requestID)
        return event
      }
      return event.map(Self.reply) ?? Reply(200).with(.close(after: 0))
    case .response(let id), .error(let id):
      return core.update { state in
        guard state.pending.remove(id) != nil else {
          return errorReply(403, "InvalidStateTransition", "\(id) is not pending")
        }
        state.answers.append(Answer(call: call, request: request))
        return accepted
      }
    case .initError:
      return core.update { state in
        state.answers.append(Answer(call: call, request: request))
        return accepted
      }
    case .unknown(let target):
      return errorReply(404, "NotFound", target)
    }
  }

  /// The service's answer to a response or error that it accepts.
  public static let accepted = Reply(
    202, headers: ["Content-Type": "application/json"], text: #"{"status":"OK"}"#)

  /// The service's answer to a call that it refuses.
  public static func errorReply(_ status: Int, _ type: String, _ message: String) -> Reply {
    Reply(
      status, headers: ["Content-Type": "application/json"],
      text: #"{"errorMessage":"\#(message)","errorType":"\#(type)"}"#)
  }

  /// The answer to `next` for an event.
  public static func reply(_ event: Event) -> Reply {
    var headers: HTTPHeaders = [
      "Content-Type": "application/json",
      "Lambda-Runtime-Aws-Request-Id": event.requestID,
      "Lambda-Runtime-Deadline-Ms": "\(Int64(Date(timeIntervalSinceNow: event.timeout).timeIntervalSince1970 * 1000))",
      "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:chat",
    ]
    for field in event.headers.fields { headers[field.name] = field.value.isEmpty ? nil : field.value }
    return Reply(200, headers: headers, body: event.payload)
  }
}

extension RuntimeAPIEmulator.State {
  fileprivate mutating func record(_ progress: BodyProgress, of requestID: String) {
    switch progress {
    case .chunk(let bytes): streams[requestID]?.yield(bytes)
    case .end: streams.removeValue(forKey: requestID)?.finish()
    }
  }
}
