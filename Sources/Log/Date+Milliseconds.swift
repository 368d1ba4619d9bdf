#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Date {
  /// The whole milliseconds since 1970; 0 for a date beyond them.
  package var milliseconds: Int { Int(exactly: (timeIntervalSince1970 * 1000).rounded(.down)) ?? 0 }

  /// The whole microseconds since 1970; 0 for a date beyond them.
  package var microseconds: Int { Int(exactly: (timeIntervalSince1970 * 1_000_000).rounded(.down)) ?? 0 }
}
