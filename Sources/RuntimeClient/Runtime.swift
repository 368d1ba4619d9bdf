import EventLoop
import HTTP
import Log

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

/// The loop around the Runtime API: gets an invocation, calls the handler, sends the answer, and starts again.
public struct Runtime: Sendable {
  /// A function from an event's bytes to the response's bytes.
  ///
  /// A `FunctionError` that it throws is reported as it is, any other error by its type and description.
  public typealias Handler = @Sendable (_ payload: [UInt8], _ context: InvocationContext) async throws -> [UInt8]

  /// Consecutive failures of `next` after which the process ends.
  private static let maximumNextFailures = 6

  private let client: RuntimeAPIClient
  private let logger: Logger
  private let maximumConcurrency: Int
  private let handler: Handler

  /// Creates a runtime.
  ///
  /// - Parameter maximumConcurrency: The number of invocations to handle side by side; Lambda asks for more than 1 with
  ///   `AWS_LAMBDA_MAX_CONCURRENCY`.
  public init(client: RuntimeAPIClient, logger: Logger, maximumConcurrency: Int = 1, handler: @escaping Handler) {
    self.client = client
    self.logger = logger
    self.maximumConcurrency = max(1, maximumConcurrency)
    self.handler = handler
  }

  /// Serves invocations until the task is cancelled; an invocation in progress is completed first.
  ///
  /// - Throws: `RuntimeError` if the sandbox is broken, an invocation is lost, or `next` keeps failing. The process must
  ///   end then.
  public func run() async throws {
    #if os(Linux) && !Lean
      FoundationNetworkingTrap.watch(logger)
    #endif
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
        // A separate task, because the cancellation of the loop must not reach an invocation in progress.
        try await Task(executorPreference: EventLoop.current) { try await handle(invocation) }.value
      } catch is CancellationError {
        return
      } catch let error as RuntimeError where !error.isFatal {
        failures += 1
        guard failures < Self.maximumNextFailures else { throw error }
        logger.warn("The request for the next invocation failed; trying again.", error: error)
        // Backs off from 50 ms to 0.8 s between failed polls.
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
    let answer = AnswerOnce()
    let work = Task(executorPreference: EventLoop.current) {
      // Bounds every AWS call of the handler.
      try await Deadline.within(remaining) { try await handler(invocation.payload, context) }
    }
    let timer = Task(executorPreference: EventLoop.current) {
      try await EventLoop.sleep(for: remaining - Self.reserve(of: remaining))
      guard answer.claim() else { return }
      work.cancel()
      let ran = Int(started.duration(to: .now) / .milliseconds(1))
      let error = FunctionError(
        type: "Function.DeadlineExceeded",
        message: "The handler was cancelled after \(ran) ms, shortly before the invocation's deadline.")
      try await report(error, context.requestID, context.logger)
    }
    let result = await work.result
    if answer.claim() {
      timer.cancel()
      try await send(result, context)
    } else {
      try await timer.value
    }
  }

  /// The part of an invocation's time that is kept for the answer: a tenth, at most half a second.
  static func reserve(of time: Duration) -> Duration {
    min(time / 10, .milliseconds(500))
  }

  private func send(_ result: Result<[UInt8], any Error>, _ context: InvocationContext) async throws {
    let payload: [UInt8]
    do {
      payload = try result.get()
    } catch {
      // Any error of a handler, even a `RuntimeError`, is the function's error.
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

  /// Logs an answer that the service did not accept, and rethrows a fatal error.
  ///
  /// After a 400, 403 or 413 the service accepts nothing further for that invocation.
  private func proceed(after error: RuntimeError, _ logger: Logger) throws {
    logger.error("The invocation's answer was not accepted.", error: error)
    if error.isFatal { throw error }
  }

  /// Sets the variable from which X-Ray's SDKs read the trace, as the managed runtimes do. No other code runs between
  /// two invocations, so no thread reads the environment meanwhile.
  private func exportTraceID(_ traceID: String?) {
    if let traceID {
      setenv("_X_AMZN_TRACE_ID", traceID, 1)
    } else {
      unsetenv("_X_AMZN_TRACE_ID")
    }
  }
}
