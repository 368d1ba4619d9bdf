import EventLoop
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread's identity.
struct ThreadID: Equatable, @unchecked Sendable {
  private let id: pthread_t

  /// The calling thread.
  static var current: ThreadID { ThreadID(id: pthread_self()) }

  static func == (one: ThreadID, other: ThreadID) -> Bool { pthread_equal(one.id, other.id) != 0 }
}

/// The duration of a body.
func elapsed(_ body: () async throws -> Void) async rethrows -> Duration {
  let start = ContinuousClock.now
  try await body()
  return start.duration(to: .now)
}

/// Wakes the loop every minute, so that a test of a missed wakeup fails instead of hanging.
func withSafetyNet<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async rethrows -> Value {
  let net = Task(executorPreference: EventLoop.current) {
    while !Task.isCancelled { try? await EventLoop.sleep(for: .seconds(60)) }
  }
  defer { net.cancel() }
  return try await body()
}
