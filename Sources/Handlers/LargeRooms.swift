import Synchronization

/// The rooms that were large a moment ago, so that each message to one does not read thousands of rows to find that out.
final class LargeRooms: Sendable {
  /// The time for which a room counts as large, in milliseconds.
  static let lifetime = 10_000
  /// Bounds memory.
  static let maximumRooms = 1000

  private let rooms = Mutex<[String: Int]>([:])

  /// Records that a room is large.
  ///
  /// - Parameter now: milliseconds since 1970.
  func add(_ room: String, now: Int) {
    rooms.withLock { rooms in
      if rooms.count >= Self.maximumRooms { rooms = rooms.filter { $0.value > now } }
      if rooms.count < Self.maximumRooms { rooms[room] = now + Self.lifetime }
    }
  }

  /// Whether a room was large a moment ago.
  ///
  /// - Parameter now: milliseconds since 1970.
  func contains(_ room: String, now: Int) -> Bool { rooms.withLock { $0[room].map { $0 > now } ?? false } }
}
