import Foundation
import RuntimeTesting

/// A TCP connection to a loopback port, for what an HTTP client hides. Each call may block the thread.
final class RawConnection {
  private let descriptor: Int32
  private var received: [UInt8] = []

  init(_ port: UInt16) throws { descriptor = try Socket.connect(port) }

  deinit { Socket.close(descriptor) }

  func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  func send(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty, wait(POLLOUT) {
      let count = bytes.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Returns what was received up to and including a text; `nil` if the connection ends before it.
  func receive(to end: String) -> String? {
    let end = Array(end.utf8)
    while true {
      if let range = received.firstRange(of: end) {
        defer { received.removeSubrange(..<range.upperBound) }
        return String(decoding: received[..<range.upperBound], as: UTF8.self)
      }
      guard receive() else { return nil }
    }
  }

  /// Returns what was received up to the end of the connection.
  func receiveAll() -> String {
    while receive() {}
    return String(decoding: received, as: UTF8.self)
  }

  private func receive() -> Bool {
    guard wait(POLLIN) else { return false }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    if count > 0 { received += bytes[..<count] }
    return count > 0
  }

  private func wait(_ events: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return poll(&entry, 1, 600_000) > 0
  }
}
