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
  private var acceptsChunks = true
  /// The rest of the response that is being sent, if it is streamed.
  private var stream: (body: BodyStream, framing: StreamFraming)?
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
    output += response.encoded(isLast: isLast)
    write()
  }

  /// Answers with a response whose body is sent in chunks while it is written.
  func send(_ head: HTTPResponse, streaming body: BodyStream) {
    guard !isClosed else { return body.fail(StreamEnded()) }
    let framing = StreamFraming(status: head.status, acceptsChunks: acceptsChunks)
    if framing == .untilClose { isLast = true }
    output += head.encoded(framing, isLast: isLast)
    stream = (body, framing)
    body.onReadable { [weak self, loop] in loop.perform { [weak self] in self?.sendStream() } }
    write()
  }

  /// Closes the connection in any state.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    exchange(&stream, with: nil)?.body.fail(StreamEnded())
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
      acceptsChunks = request.acceptsChunks
      loop.watch(descriptor, for: 0)
      handle(request, self)
    case .failure(let status, let reason):
      isLast = true
      send(InvokeAPI.error(status, "InvalidRequestException", "The request cannot be read: \(reason)."))
    }
  }

  private func write() {
    guard flush() else { return }
    if stream != nil {
      sendStream()
    } else if !isHandling {
      if isLast { close() } else { process() }
    }
  }

  /// Writes the output as far as the socket accepts it.
  ///
  /// - Returns: Whether all of it is written.
  private func flush() -> Bool {
    while written < output.count {
      let count = output[written...].withUnsafeBytes { sendBytes(descriptor, $0) }
      if count > 0 {
        written += count
      } else if count < 0, errno == EAGAIN || errno == EWOULDBLOCK {
        poll(for: POLLOUT)
        return false
      } else if count == 0 || errno != EINTR {
        close()
        return false
      }
    }
    output = []
    written = 0
    return true
  }

  /// Sends what the stream has, unless the socket is full.
  private func sendStream() {
    var bytes = [UInt8](repeating: 0, count: 16_384)
    while let (body, framing) = stream, output.isEmpty {
      switch bytes.withUnsafeMutableBytes({ body.read(into: $0) }) {
      case .bytes(let count):
        output = framing.chunk(bytes[..<count])
        guard flush() else { return }
      case .pending:
        // Stop polling for writability: an idle socket is always writable and would wake the loop without end.
        return loop.watch(descriptor, for: 0)
      case .failed: return close()
      case .end(let trailer):
        stream = nil
        isHandling = false
        output = framing.end(trailer)
        return write()
      }
    }
  }
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
