import Foundation
import RuntimeAPIEmulator
import Testing

extension LoopbackServer {
  /// A URL of the server with this path and query, percent-encoded as given.
  func url(_ path: String = "/") throws -> URL {
    try #require(URL(string: "http://\(address)\(path)", encodingInvalidCharacters: false))
  }
}

/// Answers one request on `::1` with the request's own header block.
final class IPv6Server: Sendable {
  struct Failure: Error { let code: Int32 }

  let port: UInt16
  private let listener: Int32

  init() throws {
    #if canImport(Glibc)
      let listener = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let listener = socket(AF_INET6, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_addr = in6addr_loopback
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) == 0 && listen(listener, 5) == 0 && getsockname(listener, pointer, &length) == 0
      }
    }
    guard isListening else { throw Failure(code: errno) }
    self.listener = listener
    port = UInt16(bigEndian: address.sin6_port)
    Thread.detachNewThread {
      let connection = accept(listener, nil, nil)
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = max(0, read(connection, &buffer, buffer.count))
      let head = Array("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: \(count)\r\n\r\n".utf8)
      let response = head + buffer.prefix(count)
      _ = response.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
      close(connection)
      close(listener)
    }
  }

  func stop() { _ = shutdown(listener, Int32(SHUT_RDWR)) }
}
