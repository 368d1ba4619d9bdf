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

  /// A function from an event's bytes to a response that it writes piece by piece.
  public typealias StreamingHandler =
    @Sendable (_ payload: [UInt8], _ response: ResponseStream, _ context: InvocationContext) async throws -> Void

  /// Consecutive failures of `next` after which the process ends.
  private static let maximumNextFailures = 6

  private let client: RuntimeAPIClient
  private let logger: Logger
  private let maximumConcurrency: Int
  private let handler: FunctionHandler
  private let watchdog: Watchdog?

  /// Creates a runtime.
  ///
  /// - Parameters:
  ///   - client: The Runtime API.
  ///   - logger: Receives the runtime's own lines; those of a handler derive from it.
  ///   - maximumConcurrency: The number of invocations to handle side by side; Lambda asks for more than 1 with
  ///     `AWS_LAMBDA_MAX_CONCURRENCY`.
  ///   - handler: Handles an event.
  public init(client: RuntimeAPIClient, logger: Logger, maximumConcurrency: Int = 1, handler: @escaping Handler) {
    self.init(client: client, logger: logger, maximumConcurrency: maximumConcurrency, handler: .buffered(handler))
  }

  /// Creates a runtime of a streaming function.
  public init(
    client: RuntimeAPIClient, logger: Logger, maximumConcurrency: Int = 1, streaming handler: @escaping StreamingHandler
  ) {
    self.init(client: client, logger: logger, maximumConcurrency: maximumConcurrency, handler: .streaming(handler))
  }

  /// - Parameter watchdog: Ends the process if a handler blocks the event loop until its deadline.
  init(
    client: RuntimeAPIClient, logger: Logger, maximumConcurrency: Int, handler: FunctionHandler,
    watchdog: Watchdog? = nil
  ) {
    self.client = client
    self.logger = logger
    self.maximumConcurrency = max(1, maximumConcurrency)
    self.handler = handler
    self.watchdog = watchdog
  }

  /// Serves invocations until the task is cancelled; an invocation in progress is completed first.
  ///
  /// - Throws: `RuntimeError` if the sandbox is broken, an invocation is lost, or `next` keeps failing. The process must
  ///   end then.
  public func run() async throws {
    #if os(Linux) && !Lean
      FoundationNetworkingTrap.watch(logger)
    #endif
    // Without a group, whose types cost a start 9 % of its instructions.
    if maximumConcurrency == 1 { return try await loop() }
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

  private func handle(_ invocation: Invocation) async throws {
    if maximumConcurrency == 1 { exportTraceID(invocation.context.traceID) }
    let run = InvocationRun(invocation, client)
    let watch = watchdog?.add(run)
    defer { if let watch { watchdog?.remove(watch) } }
    try await run.run(handler)
  }

  /// The part of an invocation's time that is kept for the answer: a tenth, at most half a second.
  static func reserve(of time: Duration) -> Duration {
    min(time / 10, .milliseconds(500))
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
