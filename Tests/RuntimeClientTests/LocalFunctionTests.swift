import Foundation
import Log
import Synchronization
import Testing

@testable import RuntimeClient

/// A function outside Lambda, without a process.
struct LocalFunctionTests {
  private func function(_ timeout: Duration = .seconds(60), _ handler: @escaping Runtime.Handler) -> LocalFunction {
    LocalFunction(
      function: LambdaFunction(name: "f"), timeout: timeout, logger: Logger(sink: .function { _ in }),
      handler: .buffered(handler))
  }

  @Test("The handler is cancelled at the end of its time")
  func deadline() async throws {
    let function = function(.milliseconds(50)) { payload, _ in
      try await Task.sleep(for: .seconds(60))
      return payload
    }
    let outcome = await function.invoke([], function.context()) { _, _ in }
    #expect(outcome.error?.type == "Function.DeadlineExceeded")
  }

  @Test("A response that Lambda would refuse is an error")
  func size() async throws {
    let function = function { _, _ in [UInt8](repeating: 0x20, count: 6_291_557) }
    let outcome = await function.invoke([], function.context()) { _, _ in }
    #expect(outcome.error?.type == "Function.ResponseSizeTooLarge")
  }

  @Test("A streamed response is passed on as it is written; an error before it is a failure, a later one ends it")
  func streaming() async throws {
    let received = Mutex<[UInt8]>([])
    let heads = Mutex<[ResponseHead]>([])
    func invoke(_ event: String) async -> LocalFunction.Outcome {
      let function = LocalFunction(
        function: LambdaFunction(name: "f"), timeout: .seconds(60), logger: Logger(sink: .function { _ in }),
        handler: .streaming { event, response, _ in
          if event == Array("early".utf8) { throw FunctionError(type: "Early", message: "m") }
          try response.begin(status: 201)
          try await response.write("abc")
          if event == Array("late".utf8) { throw FunctionError(type: "Late", message: "m") }
          try await response.write("def")
        })
      return await function.invoke(Array(event.utf8), function.context()) { head, body in
        heads.withLock { $0.append(head) }
        body.deliver { bytes in
          received.withLock { $0 += bytes }
          return true
        }
      }
    }
    #expect(await invoke("early").error?.type == "Early")
    #expect(heads.withLock { $0.isEmpty })
    guard case .streamed(nil) = await invoke("fine") else { throw FunctionError(type: "Test", message: "no stream") }
    #expect(heads.withLock { $0 } == [.http(status: 201, headers: [:], cookies: [])])
    #expect(received.withLock { exchange(&$0, with: []) } == Array("abcdef".utf8))
    guard case .streamed(let error?) = await invoke("late") else { throw FunctionError(type: "Test", message: "") }
    #expect(error.type == "Late")
    #expect(received.withLock { $0 } == Array("abc".utf8))
  }

  @Test("Work after the response runs before the next invocation")
  func workAfterResponse() async {
    let hasRun = Mutex(false)
    let function = function { payload, context in
      context.afterResponse { hasRun.withLock { $0 = true } }
      return payload
    }
    let context = function.context()
    _ = await function.invoke([], context) { _, _ in }
    #expect(!hasRun.withLock { $0 })
    await function.finish(context)
    #expect(hasRun.withLock { $0 })
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

extension LocalFunction.Outcome {
  fileprivate var error: FunctionError? { if case .failure(let error) = self { error } else { nil } }
}
