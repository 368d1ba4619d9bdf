import HTTP
import Log

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The error report of a handler that blocks its thread: a prepared HTTP request, which a signal handler sends on a
/// connection of its own. Sending makes system calls only.
struct BlockedReport {
  static let errorType = "Function.DeadlineExceeded"
  static let errorMessage = "The handler blocked its thread until shortly before the invocation's deadline."

  private let address: UnsafeMutablePointer<sockaddr_storage>
  private let addressLength: socklen_t
  private let head: UnsafeMutableBufferPointer<UInt8>
  private let rest: UnsafeMutableBufferPointer<UInt8>

  /// Prepares the request; its memory is never freed.
  ///
  /// - Returns: `nil` for a host that is a name other than `localhost`.
  init?(to api: RuntimeAPIAddress) {
    guard let socket = api.socketAddress else { return nil }
    address = .allocate(capacity: 1)
    address.initialize(to: socket.storage)
    addressLength = socket.length
    let body = #"{"errorMessage":"\#(Self.errorMessage)","errorType":"\#(Self.errorType)","stackTrace":[]}"#
    head = .copy(of: "POST /2018-06-01/runtime/invocation/")
    rest = .copy(
      of:
        """
        /error HTTP/1.1\r
        Host: \(api.authority)\r
        User-Agent: \(RuntimeAPIClient.userAgent)\r
        Accept: */*\r
        Content-Type: application/vnd.aws.lambda.error+json\r
        Lambda-Runtime-Function-Error-Type: \(Self.errorType)\r
        Content-Length: \(body.utf8.count)\r
        Connection: close\r
        \r
        \(body)
        """)
  }

  /// Sends the report and waits until the service answers, at most until `end`, on the clock of `Watchdog.now`.
  func deliver(_ requestID: UnsafeBufferPointer<UInt8>, until end: Int64) {
    let descriptor = Self.openSocket(Int32(address.pointee.ss_family))
    guard descriptor >= 0 else { return }
    let connected = address.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, addressLength) }
    guard connected == 0 || errno == EINPROGRESS, Self.wait(for: POLLOUT, descriptor, until: end),
      Self.sendAll(UnsafeBufferPointer(head), descriptor, until: end), Self.sendAll(requestID, descriptor, until: end),
      Self.sendAll(UnsafeBufferPointer(rest), descriptor, until: end)
    else { return }
    // The first byte of the answer shows that the service has read the report.
    _ = Self.wait(for: POLLIN, descriptor, until: end)
  }

  private static func openSocket(_ family: Int32) -> Int32 {
    #if canImport(Glibc)
      let type = Int32(SOCK_STREAM.rawValue)
    #else
      let type = SOCK_STREAM
    #endif
    let descriptor = socket(family, type, 0)
    if descriptor >= 0 { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
    return descriptor
  }

  private static func sendAll(_ bytes: UnsafeBufferPointer<UInt8>, _ descriptor: Int32, until end: Int64) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = systemSend(descriptor, bytes.baseAddress?.advanced(by: sent), bytes.count - sent)
      if count > 0 {
        sent += count
      } else if count < 0, errno == EAGAIN || errno == EINTR {
        guard wait(for: POLLOUT, descriptor, until: end) else { return false }
      } else {
        return false
      }
    }
    return true
  }

  private static func wait(for events: Int32, _ descriptor: Int32, until end: Int64) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while true {
      let left = (end &- Watchdog.now) / 1_000_000
      let count = poll(&entry, 1, Int32(min(max(left, 0), 60_000)))
      if count > 0 { return true }
      guard count < 0, errno == EINTR, left > 0 else { return false }
    }
  }
}

/// Without SIGPIPE: the service may have closed the connection.
private func systemSend(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  #if os(Linux)
    send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))
  #else
    send(descriptor, bytes, count, 0)
  #endif
}
