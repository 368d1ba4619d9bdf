import EventLoop
import HTTP
import Log

/// The handling of one invocation: runs the handler, answers exactly once, and runs the work that was registered to follow.
final class InvocationRun: Sendable {
  let context: InvocationContext
  /// The time until the deadline, at the start.
  let time: Duration
  let answer = AnswerOnce()
  let started = ContinuousClock.now
  private let payload: [UInt8]
  private let client: RuntimeAPIClient

  init(_ invocation: Invocation, _ client: RuntimeAPIClient) {
    context = invocation.context
    payload = invocation.payload
    time = invocation.context.remainingTime
    self.client = client
  }

  /// - Throws: A fatal `RuntimeError`: the process must end.
  func run(_ handler: FunctionHandler) async throws {
    switch handler {
    case .buffered(let handler): try await run(handler)
    case .streaming(let handler): try await run(handler)
    }
    // The process is about to end; it must not get another invocation.
    if answer.isSeized { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
    await runWorkAfterResponse()
  }

  /// The time from now until the handler is cancelled, so that the answer still reaches Lambda.
  private var timeLeft: Duration { ContinuousClock.now.duration(to: started + time - Runtime.reserve(of: time)) }

  // MARK: - A response as a whole

  private func run(_ handler: @escaping Runtime.Handler) async throws {
    let work = Task(executorPreference: EventLoop.current) { [self] in
      // Bounds every AWS call of the handler.
      try await Deadline.within(time) { try await handler(payload, context) }
    }
    let timer = DelayedTask(after: timeLeft) { [self] in
      guard answer.claimForDeadline() else { return }
      try await reportDeadline(work)
    }
    let result = await work.result
    if answer.claim() {
      timer.cancel()
      try await send(result)
    } else {
      try await timer.finish()
    }
  }

  private func send(_ result: Result<[UInt8], any Error>) async throws {
    let payload: [UInt8]
    do {
      payload = try result.get()
    } catch {
      // Any error of a handler, even a `RuntimeError`, is the function's error.
      return try await report(FunctionError(error))
    }
    do {
      try await client.respond(to: context.requestID, with: payload)
    } catch let error as FunctionError {
      try await report(error)
    } catch let error as RuntimeError {
      try proceed(after: error)
    }
  }

  // MARK: - A streamed response

  private func run(_ handler: @escaping Runtime.StreamingHandler) async throws {
    let delivery = StreamDelivery(context, answer, client)
    let stream = ResponseStream { try delivery.start($0, $1) }
    let work = Task(executorPreference: EventLoop.current) { [self] in
      try await Deadline.within(time) { try await handler(payload, stream, context) }
    }
    let timer = DelayedTask(after: timeLeft) { [self] in
      if answer.claimForDeadline() { return try await reportDeadline(work) }
      // Claim before the cancellation: a cancelled handler on another thread may fail, and claim, at once.
      let endsStream = stream.claimEnd()
      let error = deadlineError
      // Cancel before the stream ends, so that a pending write ends with a `CancellationError`.
      work.cancel()
      guard endsStream else { return }
      log(error)
      stream.finish(error)
    }
    let result = await work.result
    do {
      switch result {
      case .success: try stream.end()
      case .failure(let error) where stream.hasBegun:
        let error = FunctionError(error)
        if try stream.end(error) { log(error) }
      case .failure(let error):
        guard answer.claim() else { return try await timer.finish() }
        timer.cancel()
        return try await report(FunctionError(error))
      }
    } catch is CancellationError {
      // The deadline's error was sent as the answer.
      return try await timer.finish()
    }
    timer.cancel()
    do {
      try await delivery.wait()
    } catch let error as RuntimeError {
      try proceed(after: error)
    }
  }

  // MARK: - After the answer

  private func runWorkAfterResponse() async {
    guard !context.work.isEmpty else {
      _ = context.work.close()
      return
    }
    let timeLeft = timeLeft
    if timeLeft > .zero {
      let work = Task(executorPreference: EventLoop.current) { [self] in
        await Deadline.within(timeLeft) { await context.work.run(context.logger) }
      }
      let timer = DelayedTask(after: timeLeft) { [self] in
        context.logger.error("Work after the response was cancelled, shortly before the invocation's deadline.")
        work.cancel()
      }
      await work.value
      timer.cancel()
    }
    drop()
  }

  private func drop() {
    let count = context.work.close()
    guard count > 0 else { return }
    context.logger.error(
      "Work after the response was dropped: the invocation has no time left.", ["dropped": .int(count)])
  }

  // MARK: - Errors

  private var deadlineError: FunctionError {
    let ran = Int(started.duration(to: .now) / .milliseconds(1))
    return FunctionError(
      type: "Function.DeadlineExceeded",
      message: "The handler was cancelled after \(ran) ms, shortly before the invocation's deadline.")
  }

  /// Reports that the time is over, and then cancels the handler: a cancelled handler can block the event loop before the
  /// loop has sent the report.
  private func reportDeadline(_ work: Task<some Sendable, any Error>) async throws {
    defer {
      answer.reported()
      work.cancel()
    }
    try await report(deadlineError)
  }

  private func report(_ error: FunctionError) async throws {
    log(error)
    do {
      try await client.fail(context.requestID, with: error)
    } catch let error as RuntimeError {
      try proceed(after: error)
    }
  }

  private func log(_ error: FunctionError) {
    context.logger.error(
      "The invocation failed.", ["errorType": .string(error.type), "errorMessage": .string(error.message)])
  }

  /// Logs an answer that the service did not accept, and rethrows a fatal error.
  ///
  /// After a 400, 403 or 413 the service accepts nothing further for that invocation.
  private func proceed(after error: RuntimeError) throws {
    context.logger.error("The invocation's answer was not accepted.", error: error)
    if error.isFatal { throw error }
  }
}
