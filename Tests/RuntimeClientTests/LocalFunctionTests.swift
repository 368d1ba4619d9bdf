import Foundation
import Log
import Synchronization
import Testing

@testable import RuntimeClient

/// A function outside Lambda, without a process.
struct LocalFunctionTests {
  private func function(_ timeout: Duration = .seconds(60), _ handler: @escaping Runtime.Handler) -> LocalFunction {
    LocalFunction(
      function: LambdaFunction(name: "f"), timeout: timeout, logger: Logger(sink: .function { _ in }), handler: handler)
  }

  @Test("The handler is cancelled at the end of its time")
  func deadline() async throws {
    let function = function(.milliseconds(50)) { payload, _ in
      try await Task.sleep(for: .seconds(60))
      return payload
    }
    let error = await #expect(throws: FunctionError.self) { try await function.invoke([], function.context()) }
    #expect(error?.type == "Function.DeadlineExceeded")
  }

  @Test("A response that Lambda would refuse is an error")
  func size() async throws {
    let function = function { _, _ in [UInt8](repeating: 0x20, count: 6_291_557) }
    let error = await #expect(throws: FunctionError.self) { try await function.invoke([], function.context()) }
    #expect(error?.type == "Function.ResponseSizeTooLarge")
  }

  @Test("A context for tests has an id, time, an ARN, and a logger whose lines carry the id")
  func context() throws {
    let lines = Mutex<[String]>([])
    let context = InvocationContext(
      requestID: "id-1", logger: Logger(sink: .function { line in lines.withLock { $0.append(line) } }))
    context.logger.info("here")
    #expect(lines.withLock { $0.first?.contains("\tid-1\tINFO\there") } == true)
    #expect(context.remainingTime > .seconds(800))
    #expect(context.function.name == "function")
    #expect(InvocationContext().requestID != InvocationContext().requestID)
  }
}
