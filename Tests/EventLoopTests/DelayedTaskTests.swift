import EventLoop
import Synchronization
import TestSupport
import Testing

/// Tasks that start after a time.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct DelayedTaskTests {
  @Test("A delayed task starts after its time, on the loop of the task that made it")
  func start() {
    let loop = EventLoop()
    let current = Mutex<EventLoop?>(nil)
    let time = loop.run {
      await elapsed {
        await withUnsafeContinuation { continuation in
          _ = DelayedTask(after: .milliseconds(30)) {
            current.withLock { $0 = .current }
            continuation.resume()
          }
        }
      }
    }
    #expect(current.withLock { $0 } === loop)
    #expect(time >= .milliseconds(30))
  }

  @Test("A cancelled delayed task never starts")
  func cancel() {
    let hasStarted = Mutex(false)
    #expect(throws: CancellationError.self) {
      try Self.onLoop {
        let task = DelayedTask(after: .milliseconds(10)) { hasStarted.withLock { $0 = true } }
        task.cancel()
        try await EventLoop.sleep(for: .milliseconds(40))
        try await task.finish()
      }
    }
    #expect(!hasStarted.withLock { $0 })
  }

  @Test("Cancellation reaches a task that has started")
  func cancelStarted() throws {
    let isCancelled = Mutex(false)
    try Self.onLoop {
      let task = DelayedTask(after: .zero) {
        try? await EventLoop.sleep(for: .seconds(100))
        isCancelled.withLock { $0 = Task.isCancelled }
      }
      try await EventLoop.sleep(for: .milliseconds(5))
      task.cancel()
      try await task.finish()
    }
    #expect(isCancelled.withLock { $0 })
  }

  @Test("finish starts a waiting task at once, and throws its error")
  func finish() {
    struct Failure: Error {}
    let runs = Mutex(0)
    #expect(throws: Failure.self) {
      try Self.onLoop {
        let task = DelayedTask(after: .seconds(1000)) {
          runs.withLock { $0 += 1 }
          throw Failure()
        }
        try? await task.finish()
        try await task.finish()
      }
    }
    #expect(runs.withLock { $0 } == 1)
  }

  private static func onLoop(_ body: @escaping @Sendable () async throws -> Void) throws {
    let result: Result<Void, any Error> = EventLoop().run {
      do { return .success(try await body()) } catch { return .failure(error) }
    }
    try result.get()
  }
}
