import EventLoop
import HTTP
import Log
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The loop around the Runtime API: take an invocation, hand it to the handler, send what came of it, take the next.
public struct Runtime: Sendable {
  /// What handles an event: its bytes in, the response's bytes out. What it throws becomes the function's error; a
  /// `FunctionError` goes out as it is.
  public typealias Handler = @Sendable (_ payload: [UInt8], _ context: InvocationContext) async throws -> [UInt8]

  /// How many times in a row `next` may fail before the process gives up.
  private static let maximumNextFailures = 6

  private let client: RuntimeClient
  private let logger: Logger
  private let maximumConcurrency: Int
  private let handler: Handler

  /// Makes a runtime.
  ///
  /// - Parameter maximumConcurrency: how many invocations are handled side by side; Lambda asks for more than 1 with
  ///   `AWS_LAMBDA_MAX_CONCURRENCY`.
  public init(client: RuntimeClient, logger: Logger, maximumConcurrency: Int = 1, handler: @escaping Handler) {
    self.client = client
    self.logger = logger
    self.maximumConcurrency = max(1, maximumConcurrency)
    self.handler = handler
  }

  /// Serves invocations until the task is cancelled. An invocation that is under way then is still finished.
  ///
  /// - Throws: `RuntimeError` when the sandbox is broken or `next` keeps failing; the process has to end then.
  public func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<maximumConcurrency { group.addTask { try await self.loop() } }
      try await group.waitForAll()
    }
  }

  private func loop() async throws {
    var failures = 0
    while !Task.isCancelled {
      do {
        let invocation = try await client.next()
        failures = 0
        // A task of its own: the cancellation that ends the loop must not reach an invocation under way.
        try await Task(executorPreference: EventLoop.current) { try await handle(invocation) }.value
      } catch is CancellationError {
        return
      } catch RuntimeError.invalidInvocation(let requestID?, let reason) {
        failures = 0
        let error = FunctionError(type: "Runtime.InvalidInvocation", message: reason)
        try await Task(executorPreference: EventLoop.current) {
          try await report(error, requestID, logger.bound(toRequestID: requestID))
        }.value
      } catch let error as RuntimeError where !error.isFatal {
        failures += 1
        guard failures < Self.maximumNextFailures else { throw error }
        logger.warn("Asking for the next invocation failed; trying again.", error: error)
        // From 50 ms up to 0.8 s: a service that is only starting is waited for, one that is gone is not beset.
        try? await EventLoop.sleep(for: .milliseconds(25 << failures))
      }
    }
  }

  /// Handles one invocation and answers it exactly once.
  private func handle(_ invocation: Invocation) async throws {
    let context = invocation.context
    if maximumConcurrency == 1 { exportTraceID(context.traceID) }
    let started = ContinuousClock.now
    let remaining = context.remainingTime
    let answerRight = AnswerRight()
    let work = Task(executorPreference: EventLoop.current) { try await handler(invocation.payload, context) }
    let timer = Task(executorPreference: EventLoop.current) {
      try await EventLoop.sleep(for: remaining - Self.reserve(of: remaining))
      guard answerRight.claim() else { return }
      work.cancel()
      let ran = Int(started.duration(to: .now) / .milliseconds(1))
      let error = FunctionError(
        type: "Function.DeadlineExceeded",
        message: "The handler was cancelled after \(ran) ms, shortly before the invocation's deadline.")
      try await report(error, context.requestID, context.logger)
    }
    let result = await work.result
    if answerRight.claim() {
      timer.cancel()
      try await send(result, context)
    } else {
      try await timer.value
    }
  }

  /// The part of the time which is kept for the answer: a tenth of it, half a second at most.
  private static func reserve(of time: Duration) -> Duration {
    min(time / 10, .milliseconds(500))
  }

  private func send(_ result: Result<[UInt8], any Error>, _ context: InvocationContext) async throws {
    let payload: [UInt8]
    do {
      payload = try result.get()
    } catch {
      // Whatever a handler throws, a `RuntimeError` of its own among them, is the function's error.
      return try await report(FunctionError(error), context.requestID, context.logger)
    }
    do {
      try await client.respond(to: context.requestID, with: payload)
    } catch let error as FunctionError {
      try await report(error, context.requestID, context.logger)
    } catch let error as RuntimeError {
      try proceed(after: error, context.logger)
    }
  }

  private func report(_ error: FunctionError, _ requestID: String, _ logger: Logger) async throws {
    logger.error(
      "The invocation failed.",
      ["errorType": .string(error.type), "errorMessage": .string(error.message)])
    do {
      try await client.fail(requestID, with: error)
    } catch let error as RuntimeError {
      try proceed(after: error, logger)
    }
  }

  /// Logs an answer that did not reach the service and goes on, unless the sandbox is broken. After 400, 403 and 413
  /// the service takes nothing further for that invocation.
  private func proceed(after error: RuntimeError, _ logger: Logger) throws {
    logger.error("The invocation's answer was not taken.", error: error)
    if error.isFatal { throw error }
  }

  /// Where X-Ray's SDKs look for the trace of the invocation, as the managed runtimes do it. Nothing else runs here
  /// between two invocations, so nothing reads the environment meanwhile.
  private func exportTraceID(_ traceID: String?) {
    if let traceID {
      setenv("_X_AMZN_TRACE_ID", traceID, 1)
    } else {
      unsetenv("_X_AMZN_TRACE_ID")
    }
  }
}

/// The right to answer an invocation, which both its handler's end and its deadline want and only one can have.
private final class AnswerRight: Sendable {
  private let claimed = Mutex(false)

  /// True for the first to ask.
  func claim() -> Bool {
    claimed.withLock { claimed in
      defer { claimed = true }
      return !claimed
    }
  }
}
