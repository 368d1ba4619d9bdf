import EventLoop
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A function outside Lambda.
struct LocalFunction: Sendable {
  let function: LambdaFunction
  /// The time that each invocation has.
  let timeout: Duration
  let logger: Logger
  let handler: Runtime.Handler

  /// Creates an invocation's context.
  func context(
    requestID: String = UUID().uuidString.lowercased(), clientContext: String? = nil
  ) -> InvocationContext {
    InvocationContext(
      requestID: requestID, deadline: Date(timeIntervalSinceNow: timeout / .seconds(1)),
      clientContext: clientContext, function: function, logger: logger)
  }

  /// Handles an event; the handler is cancelled at the deadline.
  ///
  /// - Returns: The response, as long as Lambda accepts.
  func invoke(_ payload: [UInt8], _ context: InvocationContext) async throws(FunctionError) -> [UInt8] {
    let remaining = context.remainingTime
    let work = Task(executorPreference: EventLoop.current) {
      // Bounds every AWS call of the handler.
      try await Deadline.within(remaining) { try await handler(payload, context) }
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
        type: "Function.DeadlineExceeded", message: "The handler was cancelled after \(timeout), its time.")
    }
    do {
      let response = try result.get()
      try RuntimeAPIClient.checkSize(of: response)
      return response
    } catch {
      throw FunctionError(error)
    }
  }
}
