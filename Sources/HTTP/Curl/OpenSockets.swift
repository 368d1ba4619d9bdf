import CCurl

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The sockets that libcurl has opened for connections and not closed yet. Used on one thread at a time.
///
/// Outlives the multi handle, whose cleanup closes the last of them.
final class OpenSockets {
  /// Each socket's inode, by its descriptor. libcurl closes a socket that is not connected yet without a callback, and
  /// the process may reuse its descriptor.
  private var inodes: [Int32: UInt64] = [:]

  /// The descriptors of the open sockets, without reused ones.
  var all: [Int32] { inodes.filter { Self.inode(of: $0.key) == $0.value }.map(\.key) }

  /// Opens a socket for a connection; called by `CURLOPT_OPENSOCKETFUNCTION`.
  func open(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
    guard let address = address?.pointee else { return -1 }
    let socket = socket(address.family, address.socktype, address.protocol)
    guard socket >= 0 else { return -1 }
    _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
    inodes[socket] = Self.inode(of: socket)
    return socket
  }

  /// Closes a socket.
  func close(_ socket: curl_socket_t) -> Int32 {
    inodes[socket] = nil
    return closeDescriptor(socket)
  }

  private static func inode(of descriptor: Int32) -> UInt64? {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  static func from(_ pointer: UnsafeMutableRawPointer?) -> OpenSockets? {
    pointer.map { Unmanaged<OpenSockets>.fromOpaque($0).takeUnretainedValue() }
  }
}

// A wrapper, because `close` resolves to the member inside `OpenSockets`.
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
