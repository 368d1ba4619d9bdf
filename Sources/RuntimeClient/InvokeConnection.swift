import EventLoop
import HTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One connection of `InvokeServer`: reads a request, waits for its response, writes it, and starts again.
///
/// Used on the event loop's thread only. While a request is handled, nothing is read.
final class InvokeConnection: @unchecked Sendable {
  typealias Handler = (ServerRequest, InvokeConnection) -> Void

  private let descriptor: Int32
  private let loop: EventLoop
  private let handle: Handler
  private let onClose: (InvokeConnection) -> Void
  private var parser = HTTPRequestParser()
  private var output: [UInt8] = []
  private var written = 0
  private var isHandling = false
  private var isLast = false
  private var isClosed = false

  init(
    descriptor: Int32, loop: EventLoop, handle: @escaping Handler, onClose: @escaping (InvokeConnection) -> Void
  ) {
    self.descriptor = descriptor
    self.loop = loop
    self.handle = handle
    self.onClose = onClose
  }

  /// Starts to read.
  func start() { poll(for: POLLIN) }

  /// Answers the request that the handler received.
  func send(_ response: HTTPResponse) {
    guard !isClosed else { return }
    isHandling = false
    output += Self.encoded(response, isLast: isLast)
    write()
  }

  /// Closes the connection in any state.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    loop.watch(descriptor, for: 0)
    closeDescriptor(descriptor)
    onClose(self)
  }

  private func poll(for events: some BinaryInteger) {
    loop.watch(descriptor, for: Int32(events)) { [self] _, events in
      if output.isEmpty { read() } else { write() }
    }
  }

  private func read() {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    if count > 0 {
      parser.append(chunk[..<count])
      process()
    } else if count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      close()
    }
  }

  private func process() {
    switch parser.next() {
    case .needsBytes: poll(for: POLLIN)
    case .needsContinue:
      output += Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
      write()
    case .request(let request):
      isHandling = true
      isLast = request.headers["Connection"]?.lowercased() == "close"
      loop.watch(descriptor, for: 0)
      handle(request, self)
    case .failure(let status, let reason):
      isLast = true
      send(InvokeAPI.error(status, "InvalidRequestException", "The request cannot be read: \(reason)."))
    }
  }

  private func write() {
    while written < output.count {
      let count = output[written...].withUnsafeBytes { sendBytes(descriptor, $0) }
      if count > 0 {
        written += count
      } else if count < 0, errno == EAGAIN || errno == EWOULDBLOCK {
        return poll(for: POLLOUT)
      } else if count == 0 || errno != EINTR {
        return close()
      }
    }
    output = []
    written = 0
    guard !isHandling else { return }
    if isLast { close() } else { process() }
  }

  private static func encoded(_ response: HTTPResponse, isLast: Bool) -> [UInt8] {
    var head = "HTTP/1.1 \(response.status) \(reasons[response.status] ?? "Error")\r\n"
    for field in response.headers.fields { head += "\(field.name): \(field.value)\r\n" }
    // RFC 9110, section 8.6: a 204 has no such field.
    if response.status != 204 { head += "Content-Length: \(response.body.count)\r\n" }
    if isLast { head += "Connection: close\r\n" }
    return Array((head + "\r\n").utf8) + response.body
  }

  private static let reasons = [
    200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 413: "Content Too Large", 429: "Too Many Requests",
    431: "Request Header Fields Too Large",
  ]
}

// Inside the class these names are its own functions.
private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }

private func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  #if canImport(Darwin)
    // Without SIGPIPE by the logger's own setting.
    send(descriptor, bytes.baseAddress, bytes.count, 0)
  #else
    send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
  #endif
}
