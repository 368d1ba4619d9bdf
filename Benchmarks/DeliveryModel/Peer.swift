#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// One accepted connection: its buffer, and the post that waits for its response. Peers are reused and hold no references, so
/// that a post allocates nothing.
struct Peer {
  static let bufferSize = 16_384

  var descriptor: Int32 = -1
  /// The listener that accepted it: 0 for the services, else a sandbox.
  var owner = 0
  /// Changes when the peer is reused.
  var generation = 0
  /// The position among the polled descriptors.
  var pollIndex = -1
  var buffer: UnsafeMutablePointer<UInt8>
  var capacity = bufferSize
  var length = 0
  /// The bytes of a post's body that are still to be discarded.
  var skipped = 0
  /// The post that is being received or answered.
  var room: Int32 = -1
  var number: Int32 = -1
  var frame: Int32 = -1
  var outcome = Posts.Outcome.delivered
  /// Whether the post's response is scheduled, the time at which it is due, and the next peer that is due in the same tick.
  var isScheduled = false
  var due: Microseconds = 0
  var nextInTick: Int32 = -1

  init() { buffer = .allocate(capacity: Self.bufferSize) }

  mutating func reserve(_ count: Int) {
    guard count > capacity else { return }
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
    larger.update(from: buffer, count: length)
    buffer.deallocate()
    (buffer, capacity) = (larger, count)
  }

  mutating func consume(_ count: Int) {
    length -= count
    if length > 0 { memmove(buffer, buffer + count, length) }
  }
}
