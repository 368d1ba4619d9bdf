#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The descriptors that a loop waits at.
struct PollSet {
  /// Each at the index that is its own number, since numbers are small and used again; `poll` passes over an entry whose
  /// descriptor is below zero.
  private var entries: [pollfd] = []

  /// Waits at a descriptor for such events from now on; 0 for no longer.
  mutating func watch(_ descriptor: Int32, for events: Int32) {
    let index = Int(descriptor)
    guard index >= 0 else { return }
    while entries.count <= index { entries.append(pollfd(fd: -1, events: 0, revents: 0)) }
    entries[index] = pollfd(fd: events == 0 ? -1 : descriptor, events: Int16(truncatingIfNeeded: events), revents: 0)
  }

  /// Waits until something has happened or the time is over.
  ///
  /// - Returns: the descriptors that something has happened at, each with what it was.
  mutating func wait(milliseconds: Int32) -> [(descriptor: Int32, events: Int32)] {
    guard poll(&entries, nfds_t(entries.count), milliseconds) > 0 else { return [] }
    let ready = entries.filter { $0.fd >= 0 && $0.revents != 0 }.map { ($0.fd, Int32($0.revents)) }
    // One that was closed would be ready for ever.
    for (descriptor, events) in ready where events & POLLNVAL != 0 { watch(descriptor, for: 0) }
    return ready
  }
}
