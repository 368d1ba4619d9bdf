#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A TCP connection: a non-blocking socket, closed with the object. Used on one thread at a time.
final class SocketConnection {
  /// The result of a system call.
  enum Progress: Equatable {
    /// The number of bytes that were sent or received; zero is the end of what the peer sends.
    case bytes(Int)
    /// Nothing can be sent or received now.
    case pending
    /// The connection is unusable.
    case failed(SystemError)
  }

  /// A failed system call.
  struct SystemError: Error, Equatable, CustomStringConvertible {
    private let code = errno
    /// The system's message.
    var description: String { String(cString: strerror(code)) }
  }

  /// The host and port, as the requests spell them.
  let authority: String
  /// For polling.
  let descriptor: Int32
  /// When the connection was opened, or when its last response was complete.
  var lastUse = ContinuousClock.now
  /// Whether the connection is established.
  private(set) var isConnected = false

  /// Begins to connect.
  init(to address: SocketAddress, authority: String) throws(SystemError) {
    self.authority = authority
    #if canImport(Glibc)
      descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(address.family, SOCK_STREAM, 0)
    #endif
    guard descriptor >= 0 else { throw SystemError() }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    set(Int32(IPPROTO_TCP), TCP_NODELAY)
    #if canImport(Darwin)
      set(SOL_SOCKET, SO_NOSIGPIPE)
    #endif
    let result = address.withPointer { connect(descriptor, $0, $1) }
    // An interrupted attempt continues.
    guard result == 0 || errno == EINPROGRESS || errno == EINTR else { throw SystemError() }
  }

  deinit { closeDescriptor(descriptor) }

  private func set(_ level: Int32, _ option: Int32) {
    var on: Int32 = 1
    setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Whether the connection is still open and the peer has sent nothing since its last response.
  var isIdle: Bool {
    var byte: UInt8 = 0
    while true {
      let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK))
      guard count < 0 else { return false }
      guard errno == EINTR else { return errno == EAGAIN || errno == EWOULDBLOCK }
    }
  }

  /// Sends what the socket accepts of a message in two parts.
  ///
  /// - Parameter start: The number of bytes of both parts together that were sent before.
  func send(_ head: [UInt8], _ body: [UInt8], from start: Int) -> Progress {
    head.withUnsafeBytes { head in
      body.withUnsafeBytes { body in
        send(
          UnsafeRawBufferPointer(rebasing: head.dropFirst(start)),
          UnsafeRawBufferPointer(rebasing: body.dropFirst(max(0, start - head.count))))
      }
    }
  }

  private func send(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> Progress {
    var parts = (iovec(head), iovec(body))
    let count = withUnsafeMutablePointer(to: &parts) { parts in
      parts.withMemoryRebound(to: iovec.self, capacity: 2) { parts in
        var message = msghdr()
        message.msg_iov = parts
        message.msg_iovlen = 2
        return retrying { sendmsg(descriptor, &message, Self.noSignal) }
      }
    }
    if count >= 0 {
      isConnected = true
      return .bytes(count)
    }
    return isPending ? .pending : .failed(SystemError())
  }

  /// Receives what has arrived, as far as the buffer can hold it.
  func receive(into buffer: UnsafeMutableRawBufferPointer) -> Progress {
    let count = retrying { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
    if count >= 0 { return .bytes(count) }
    return isPending ? .pending : .failed(SystemError())
  }

  /// Whether the last call failed only because it would have had to wait.
  private var isPending: Bool {
    guard errno != EAGAIN, errno != EWOULDBLOCK else { return true }
    guard !isConnected, errno == ENOTCONN else { return false }
    // Darwin's error until the connection is established, and also if that failed.
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    errno = code
    return code == 0
  }

  private func retrying(_ call: () -> Int) -> Int {
    while true {
      let count = call()
      guard count < 0, errno == EINTR else { return count }
    }
  }

  #if canImport(Darwin)
    // SIGPIPE is off by a socket option.
    private static let noSignal: Int32 = 0
  #else
    private static let noSignal = Int32(MSG_NOSIGNAL)
  #endif
}

extension iovec {
  fileprivate init(_ bytes: UnsafeRawBufferPointer) {
    self.init(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
  }
}

// Inside the class this name is its own function.
private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
