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
  /// Each socket with its inode. libcurl closes a socket that is not connected yet without a callback, and the process may
  /// reuse its descriptor. No dictionary: each type of dictionary costs a start 4 % of its instructions.
  private var sockets: [(descriptor: Int32, inode: UInt64)] = []

  /// The descriptors of the open sockets, without reused ones.
  var all: [Int32] { sockets.filter { Self.inode(of: $0.descriptor) == $0.inode }.map(\.descriptor) }

  /// Opens a socket for a connection; called by `CURLOPT_OPENSOCKETFUNCTION`.
  func open(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
    guard let address = address?.pointee else { return -1 }
    let socket = socket(address.family, address.socktype, address.protocol)
    guard socket >= 0 else { return -1 }
    _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
    forget(socket)
    if let inode = Self.inode(of: socket) { sockets.append((socket, inode)) }
    return socket
  }

  /// Closes a socket.
  func close(_ socket: curl_socket_t) -> Int32 {
    forget(socket)
    return closeDescriptor(socket)
  }

  private func forget(_ socket: curl_socket_t) { sockets.removeAll { $0.descriptor == socket } }

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
