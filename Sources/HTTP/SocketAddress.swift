#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The address of a TCP socket: an IP address and a port.
package struct SocketAddress: Sendable {
  /// The address in the form of its family.
  package private(set) var storage = sockaddr_storage()
  /// The number of bytes of `storage` that are used.
  package let length: socklen_t

  /// The address of a host that is spelled as a number.
  ///
  /// - Parameters:
  ///   - host: An IPv4 address in any form of `inet_aton`, such as `127.1`, or an IPv6 address without brackets.
  ///   - port: The port.
  /// - Returns: `nil` for any other text, such as a name.
  package init?(host: String, port: UInt16) {
    // C would stop reading at the first of them.
    guard !host.utf8.contains(0) else { return nil }
    var (address, address6) = (in_addr(), in6_addr())
    if inet_aton(host, &address) != 0 {
      var socket = sockaddr_in()
      socket.sin_family = sa_family_t(AF_INET)
      socket.sin_port = port.bigEndian
      socket.sin_addr = address
      length = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: socket, as: sockaddr_in.self) }
    } else if inet_pton(AF_INET6, host, &address6) == 1 {
      var socket = sockaddr_in6()
      socket.sin6_family = sa_family_t(AF_INET6)
      socket.sin6_port = port.bigEndian
      socket.sin6_addr = address6
      length = socklen_t(MemoryLayout<sockaddr_in6>.size)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: socket, as: sockaddr_in6.self) }
    } else {
      return nil
    }
  }

  /// The protocol family, such as `AF_INET`.
  package var family: Int32 { Int32(storage.ss_family) }

  /// Calls a function with the address in the form that system calls take.
  package func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }
}
