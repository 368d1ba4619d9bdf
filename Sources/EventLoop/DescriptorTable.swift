#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The descriptors that a loop polls, with their handlers.
struct DescriptorTable {
  /// Called on the loop's thread with a descriptor and the events that `poll` reported for it.
  typealias Handler = (_ descriptor: Int32, _ events: Int32) -> Void

  // Both are indexed by descriptor: descriptors are small numbers and are reused. `poll` skips entries below zero.
  private var entries: [pollfd] = []
  private var handlers: [Handler?] = []

  /// Polls a descriptor for these events from now on; 0 stops polling it.
  mutating func watch(_ descriptor: Int32, for events: Int32, handler: Handler?) {
    let index = Int(descriptor)
    guard index >= 0 else { return }
    while entries.count <= index {
      entries.append(pollfd(fd: -1, events: 0, revents: 0))
      handlers.append(nil)
    }
    entries[index] = pollfd(fd: events == 0 ? -1 : descriptor, events: Int16(truncatingIfNeeded: events), revents: 0)
    handlers[index] = events == 0 ? nil : handler
  }

  /// Whether the descriptor is polled for any event.
  func isWatched(_ descriptor: Int32) -> Bool {
    entries.indices.contains(Int(descriptor)) && entries[Int(descriptor)].fd >= 0
  }

  /// The handler of a descriptor; `nil` if it is no longer watched.
  func handler(of descriptor: Int32) -> Handler? { handlers[Int(descriptor)] }

  /// Waits for an event or until the time is over.
  ///
  /// - Returns: the descriptors that are ready, each with its events.
  mutating func wait(milliseconds: Int32) -> [(descriptor: Int32, events: Int32)] {
    guard poll(&entries, nfds_t(entries.count), milliseconds) > 0 else { return [] }
    let ready = entries.filter { $0.fd >= 0 && $0.revents != 0 }.map { ($0.fd, Int32($0.revents)) }
    // A closed descriptor would be reported by every further poll.
    for (descriptor, events) in ready where events & POLLNVAL != 0 {
      entries[Int(descriptor)].fd = -1
    }
    return ready
  }
}
