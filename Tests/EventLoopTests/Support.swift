import EventLoop
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread, to tell whether another one is the same.
struct ThreadID: Equatable, @unchecked Sendable {
  private let id: pthread_t

  /// The thread that calls.
  static var current: ThreadID { ThreadID(id: pthread_self()) }

  static func == (one: ThreadID, other: ThreadID) -> Bool { pthread_equal(one.id, other.id) != 0 }
}

/// How long something takes.
func elapsed(_ body: () async throws -> Void) async rethrows -> Duration {
  let start = ContinuousClock.now
  try await body()
  return start.duration(to: .now)
}

/// Has the loop wake up by itself every few seconds: where it misses what should wake it, a test fails in place of
/// hanging.
func withSafetyNet<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async rethrows -> Value {
  let net = Task(executorPreference: EventLoop.current) {
    while !Task.isCancelled { try? await EventLoop.sleep(for: .seconds(3)) }
  }
  defer { net.cancel() }
  return try await body()
}
