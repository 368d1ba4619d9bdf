import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The socket calls of the servers.
package enum Socket {
  /// A failed call and its `errno`.
  package struct Failure: Error { let call: String, code: Int32 }

  /// Listens on a free port of 127.0.0.1, or of ::1.
  package static func listen(backlog: Int32 = 128, isIPv6: Bool = false) throws -> (descriptor: Int32, port: UInt16) {
    if isIPv6 { return try listenOnIPv6(backlog) }
    let descriptor = try open()
    var port: UInt16 = 0
    try withAddress(port) { address, length in
      guard bind(descriptor, address, length.pointee) == 0, systemListen(descriptor, backlog) == 0,
        getsockname(descriptor, address, length) == 0
      else { throw Failure(call: "listen", code: errno) }
      port = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) }
    }
    return (descriptor, port)
  }

  private static func listenOnIPv6(_ backlog: Int32) throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = try open(AF_INET6)
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_addr = in6addr_loopback
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard bind(descriptor, address, length) == 0, systemListen(descriptor, backlog) == 0,
          getsockname(descriptor, address, &length) == 0
        else { throw Failure(call: "listen on ::1", code: errno) }
      }
    }
    return (descriptor, UInt16(bigEndian: address.sin6_port))
  }

  /// Begins a connection to a loopback port without waiting for it.
  package static func connect(_ port: UInt16) throws -> Int32 {
    let descriptor = try open()
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    try withAddress(port) { address, length in
      guard systemConnect(descriptor, address, length.pointee) == 0 || errno == EINPROGRESS else {
        throw Failure(call: "connect", code: errno)
      }
    }
    return descriptor
  }

  private static func open(_ family: Int32 = AF_INET) throws -> Int32 {
    #if canImport(Glibc)
      let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let descriptor = socket(family, SOCK_STREAM, 0)
    #endif
    guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
    closeOnExec(descriptor)
    return descriptor
  }

  private static func withAddress(
    _ port: UInt16, _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) throws -> Void
  ) throws {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = port.bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, &length) }
    }
  }

  static func accept(_ listener: Int32) -> Int32? {
    while true {
      let descriptor = systemAccept(listener, nil, nil)
      if descriptor < 0, errno == EINTR || errno == ECONNABORTED { continue }
      guard descriptor >= 0 else {
        Socket.close(listener)
        return nil
      }
      closeOnExec(descriptor)
      var on: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
      return descriptor
    }
  }

  /// Keeps a process that a test starts from holding the connection open.
  private static func closeOnExec(_ descriptor: Int32) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }

  static func read(_ descriptor: Int32) -> [UInt8]? {
    while true {
      var count = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, initialized in
        count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        initialized = max(0, count)
      }
      if count < 0, errno == EINTR { continue }
      return count > 0 ? bytes : nil
    }
  }

  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, noSignal) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// Shuts the sending side down, and reads until the peer does the same.
  static func drain(_ descriptor: Int32) {
    shutdown(descriptor, Int32(SHUT_WR))
    while read(descriptor) != nil {}
  }

  /// Whether the peer has kept its side open.
  static func isOpen(_ descriptor: Int32) -> Bool {
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, peek)
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
  }

  /// Makes the close that follows a reset (RST) instead of an orderly end (FIN).
  static func resetOnClose(_ descriptor: Int32) {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
  }

  /// Wakes a thread that waits for the descriptor, by shutting the socket down.
  static func wake(_ descriptor: Int32) { shutdown(descriptor, Int32(SHUT_RDWR)) }

  package static func close(_ descriptor: Int32) { _ = systemClose(descriptor) }

  #if canImport(Darwin)
    private static let noSignal: Int32 = 0
    private static let peek = MSG_PEEK | MSG_DONTWAIT
  #else
    private static let noSignal = Int32(MSG_NOSIGNAL)
    private static let peek = Int32(MSG_PEEK | MSG_DONTWAIT)
  #endif
}

// Inside `Socket` these names are its own functions.
private func systemListen(_ descriptor: Int32, _ backlog: Int32) -> Int32 { listen(descriptor, backlog) }
private func systemConnect(
  _ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t
) -> Int32 { connect(descriptor, address, length) }
private func systemAccept(
  _ descriptor: Int32, _ address: UnsafeMutablePointer<sockaddr>?, _ length: UnsafeMutablePointer<socklen_t>?
) -> Int32 { accept(descriptor, address, length) }
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
