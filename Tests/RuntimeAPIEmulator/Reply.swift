import Foundation
import HTTP

/// An answer, or what happens in place of one.
public struct Reply: Sendable {
  /// How the end of the body is marked.
  public enum Framing: Sendable {
    /// By a `Content-Length`.
    case contentLength
    /// Chunks of that many bytes.
    case chunked(Int)
  }

  /// What goes wrong.
  public enum Fault: Sendable, Equatable {
    /// The connection is reset after that many bytes of the answer; 0 for none of it.
    case reset(after: Int)
    /// The connection is closed in the regular way after that many bytes of the answer.
    case close(after: Int)
    /// Nothing is ever sent; the connection stays open.
    case stall
    /// The answer comes in pieces of that many bytes with a pause before each.
    case trickle(bytes: Int, pause: Duration)
    /// The whole answer comes, and then the connection is closed though the answer did not say so.
    case closeWhenIdle
  }

  /// The status code.
  public var status: Int
  /// The header fields, beside the one that frames the body.
  public var headers: HTTPHeaders
  /// The body, whole.
  public var body: [UInt8]
  /// How the end of the body is marked.
  public var framing: Framing
  /// What goes wrong, `nil` for nothing.
  public var fault: Fault?
  /// Sent in place of all the above: anything at all, such as what is not HTTP.
  public var raw: [UInt8]?

  /// Makes an answer.
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

  /// Makes an answer with a text for a body.
  public init(_ status: Int, headers: HTTPHeaders = [:], text: String) {
    self.init(status, headers: headers, body: Array(text.utf8))
  }

  /// The same answer with something going wrong.
  public func with(_ fault: Fault) -> Reply {
    var reply = self
    reply.fault = fault
    return reply
  }

  /// Bytes in place of an HTTP answer.
  public static func raw(_ text: String) -> Reply { Reply(0, raw: Array(text.utf8)) }

  /// - Returns: whether the connection goes on.
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
