import Foundation
import HTTP

/// An answer, or the fault that replaces it.
public struct Reply: Sendable {
  /// The framing of the body.
  public enum Framing: Sendable {
    /// By a `Content-Length`.
    case contentLength
    /// Chunks of the given number of bytes.
    case chunked(Int)
  }

  /// A fault of the connection.
  public enum Fault: Sendable, Equatable {
    /// The connection is reset after the given number of bytes of the answer.
    case reset(after: Int)
    /// The connection is closed, without a reset, after the given number of bytes of the answer.
    case close(after: Int)
    /// Nothing is sent; the connection stays open.
    case stall
    /// The answer is sent in pieces of the given number of bytes, with a pause before each.
    case trickle(bytes: Int, pause: Duration)
    /// The connection is closed after the whole answer, without a `Connection: close` field.
    case closeWhenIdle
  }

  /// The status code.
  public var status: Int
  /// The header fields, besides the field that frames the body.
  public var headers: HTTPHeaders
  /// The body, whole.
  public var body: [UInt8]
  /// The framing of the body.
  public var framing: Framing
  /// The fault; `nil` for none.
  public var fault: Fault?
  /// Bytes that are sent instead of all of the above, such as an answer that is not HTTP.
  public var raw: [UInt8]?

  /// Creates an answer.
  public init(
    _ status: Int, headers: HTTPHeaders = [:], body: [UInt8] = [], framing: Framing = .contentLength,
    fault: Fault? = nil, raw: [UInt8]? = nil
  ) {
    self.status = status
    self.headers = headers
    self.body = body
    self.framing = framing
    self.fault = fault
    self.raw = raw
  }

  /// Creates an answer whose body is a text.
  public init(_ status: Int, headers: HTTPHeaders = [:], text: String) {
    self.init(status, headers: headers, body: Array(text.utf8))
  }

  /// Returns the same answer with a fault.
  public func with(_ fault: Fault) -> Reply {
    var reply = self
    reply.fault = fault
    return reply
  }

  /// Returns an answer of these bytes, which need not be HTTP.
  public static func raw(_ text: String) -> Reply { Reply(0, raw: Array(text.utf8)) }

  /// - Returns: Whether the connection can be used further.
  func send(to descriptor: Int32, isStopped: () -> Bool) -> Bool {
    let bytes = raw ?? encoded
    switch fault {
    case nil:
      return Socket.write(bytes, to: descriptor) && raw == nil
    case .reset(let count):
      _ = Socket.write(Array(bytes.prefix(count)), to: descriptor)
      Socket.resetOnClose(descriptor)
      return false
    case .close(let count):
      _ = Socket.write(Array(bytes.prefix(count)), to: descriptor)
      return false
    case .stall:
      while !isStopped(), Socket.isOpen(descriptor) { Thread.sleep(forTimeInterval: 0.02) }
      return false
    case .trickle(let size, let pause):
      for start in stride(from: 0, to: bytes.count, by: size) {
        Thread.sleep(forTimeInterval: pause / .seconds(1))
        guard !isStopped(), Socket.write(Array(bytes[start..<min(start + size, bytes.count)]), to: descriptor) else {
          return false
        }
      }
      return true
    case .closeWhenIdle:
      _ = Socket.write(bytes, to: descriptor)
      return false
    }
  }

  private var encoded: [UInt8] {
    var head = "HTTP/1.1 \(status) Status\r\n"
    for field in headers.fields { head += "\(field.name): \(field.value)\r\n" }
    switch framing {
    case .contentLength:
      if headers["Content-Length"] == nil { head += "Content-Length: \(body.count)\r\n" }
      return Array((head + "\r\n").utf8) + body
    case .chunked(let size):
      var bytes = Array((head + "Transfer-Encoding: chunked\r\n\r\n").utf8)
      for start in stride(from: 0, to: body.count, by: size) {
        let chunk = body[start..<min(start + size, body.count)]
        bytes += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + Array("\r\n".utf8)
      }
      return bytes + Array("0\r\n\r\n".utf8)
    }
  }
}
