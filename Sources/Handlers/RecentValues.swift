import Synchronization

/// Values that this process learnt in the last seconds, by name, so that they need not be read again for each message.
final class RecentValues<Value: Sendable>: Sendable {
  private struct Entry {
    let value: Value
    let until: Int
  }

  /// The time for which a value counts, in milliseconds.
  static var lifetime: Int { 10_000 }
  /// Bounds memory.
  static var maximumCount: Int { 1000 }

  private let entries = Mutex<[String: Entry]>([:])

  /// Records a value.
  ///
  /// - Parameters:
  ///   - name: the name of what has the value.
  ///   - now: milliseconds since 1970.
  func set(_ value: Value, for name: String, now: Int) {
    entries.withLock { entries in
      if entries.count >= Self.maximumCount { entries = entries.filter { $0.value.until > now } }
      guard entries.count < Self.maximumCount || entries[name] != nil else { return }
      entries[name] = Entry(value: value, until: now + Self.lifetime)
    }
  }

  /// The value that was recorded a moment ago, `nil` if there is none.
  ///
  /// - Parameters:
  ///   - name: the name of what has the value.
  ///   - now: milliseconds since 1970.
  func value(for name: String, now: Int) -> Value? {
    entries.withLock { entries in entries[name].flatMap { $0.until > now ? $0.value : nil } }
  }
}
