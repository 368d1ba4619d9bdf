import AWS

/// The sort key of the index `room`: four hexadecimal digits of a hash, and the connection's id.
///
/// The digits are distributed uniformly, so a room can be split into equal ranges, and a page of it is a uniform sample.
package enum RoomKey {
  static let digits = 4

  /// The sort key of a connection.
  package static func of(_ connectionID: String) -> String {
    let hash = SHA256.hash(Array(connectionID.utf8)).prefix(digits / 2)
    return String(decoding: Array(hash).hex, as: UTF8.self) + connectionID
  }

  /// The share of all keys that are not greater than a key; 1 if it has no hash.
  package static func share(upTo key: String) -> Double {
    guard let prefix = UInt32(key.prefix(digits), radix: 16) else { return 1 }
    return Double(prefix + 1) / Double(1 << (4 * digits))
  }
}
