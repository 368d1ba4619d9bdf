#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A monotonic time in microseconds.
typealias Microseconds = Int64

enum Clock {
  /// The time since an arbitrary start.
  static func now() -> Microseconds {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Microseconds(time.tv_sec) * 1_000_000 + Microseconds(time.tv_nsec) / 1000
  }

  /// The CPU time of this process.
  static func processorTime() -> Microseconds {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Microseconds(time.tv_sec) * 1_000_000 + Microseconds(time.tv_nsec) / 1000
  }

  /// Milliseconds since 1970.
  static func wallMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
