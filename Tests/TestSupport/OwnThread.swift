import EventLoop
import Foundation
import Testing

/// Runs each test case on a thread of its own, a few at a time.
///
/// Swift Testing starts all test cases at once on as many threads as there are cores. Test bodies that block or compute
/// for seconds would hold all of these threads, and hundreds of servers at once would starve each request of time.
public struct OwnThread: SuiteTrait, TestTrait, TestScoping {
  private static let turns = Turns(count: max(4, 2 * ProcessInfo.processInfo.activeProcessorCount))

  let isCurrentLoop: Bool

  /// A suite's trait applies to all its tests.
  public var isRecursive: Bool { true }

  /// The trait for a test case; suites and whole tests have no scope.
  public func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

  /// Runs a test case.
  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    await Self.turns.begin()
    defer { Self.turns.end() }
    let loop = EventLoop()
    let (end, continuation) = AsyncStream.makeStream(of: Void.self)
    Thread.detachNewThread { loop.run { for await _ in end {} } }
    defer { continuation.finish() }
    try await EventLoop.$current.withValue(isCurrentLoop ? loop : nil) {
      try await withTaskExecutorPreference(loop) { try await function() }
    }
  }
}

extension Trait where Self == OwnThread {
  /// A thread for each test case, which may block.
  public static var ownThread: Self { Self(isCurrentLoop: false) }

  /// An event loop for each test case, which is `EventLoop.current` there. Its connections are this case's alone.
  public static var ownLoop: Self { Self(isCurrentLoop: true) }
}
