import EventLoop
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A function outside Lambda.
struct LocalFunction: Sendable {
  /// The result of an invocation.
  enum Outcome: Sendable {
    /// The response as a whole, as long as Lambda accepts.
    case response([UInt8])
    /// The response was streamed, with an error if it is incomplete.
    case streamed(FunctionError?)
    /// There is no response.
    case failure(FunctionError)
  }

  let function: LambdaFunction
  /// The time that each invocation has.
  let timeout: Duration
  let logger: Logger
  let handler: FunctionHandler

  /// Creates an invocation's context.
  func context(
    requestID: String = InvocationContext.randomRequestID(), clientContext: String? = nil
  ) -> InvocationContext {
    InvocationContext(
      requestID: requestID, deadline: Date(timeIntervalSinceNow: timeout / .seconds(1)),
      clientContext: clientContext, function: function, logger: logger)
  }

  /// Handles an event; the handler is cancelled at the deadline. `finish` must follow.
  ///
  /// - Parameter start: Starts to send a streamed response.
  func invoke(
    _ payload: [UInt8], _ context: InvocationContext, start: @escaping ResponseStream.Start
  ) async -> Outcome {
    switch handler {
    case .buffered(let handler):
      do {
        let response = try await run(context) { try await handler(payload, context) }
        try RuntimeAPIClient.checkSize(of: response)
        return .response(response)
      } catch {
        return .failure(FunctionError(error))
      }
    case .streaming(let handler):
      let stream = ResponseStream(start: start)
      do {
        try await run(context) { try await handler(payload, stream, context) }
        try stream.end()
        return .streamed(nil)
      } catch {
        let error = FunctionError(error)
        guard stream.hasBegun else { return .failure(error) }
        do { try stream.end(error) } catch { return .failure(FunctionError(error)) }
        return .streamed(error)
      }
    }
  }

  /// Runs the work that the handler registered to follow the response.
  func finish(_ context: InvocationContext) async {
    await context.work.run(context.logger)
    _ = context.work.close()
  }

  private func run<Value: Sendable>(
    _ context: InvocationContext, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let remaining = context.remainingTime
    let work = Task(executorPreference: EventLoop.current) {
      // Bounds every AWS call of the handler.
      try await Deadline.within(remaining) { try await body() }
    }
    let isLate = AnswerOnce()
    let timer = Task(executorPreference: EventLoop.current) {
      try await EventLoop.sleep(for: remaining)
      if isLate.claim() { work.cancel() }
    }
    let result = await withTaskCancellationHandler {
      await work.result
    } onCancel: {
      work.cancel()
    }
    timer.cancel()
    guard isLate.claim() else {
      throw FunctionError(
        type: "Function.DeadlineExceeded", message: "The handler was cancelled after its timeout of \(timeout).")
    }
    return try result.get()
  }
}
