import HTTP

/// A received request.
public struct RecordedRequest: Sendable {
  /// The number of its connection, counted from 1.
  public let connection: Int
  /// The method.
  public let method: String
  /// The request target, exactly as it was sent: path and query.
  public let target: String
  /// The header fields.
  public let headers: HTTPHeaders
  /// The body, without its framing.
  public private(set) var body: [UInt8] = []
  /// The length of the whole body in bytes, also where not all of it is recorded.
  public private(set) var bodyLength = 0
  /// The field lines after a chunked body.
  public internal(set) var trailer = HTTPHeaders()

  init(connection: Int, method: String, target: String, headers: HTTPHeaders) {
    self.connection = connection
    self.method = method
    self.target = target
    self.headers = headers
  }

  /// Records a part of the body, as far as the limit allows.
  mutating func add(_ bytes: [UInt8], keeping limit: Int) {
    bodyLength += bytes.count
    if body.isEmpty, bytes.count <= limit { body = bytes } else { body += bytes.prefix(max(0, limit - body.count)) }
  }
}

/// A step in the arrival of a chunked body.
public enum BodyProgress: Sendable, Equatable {
  /// The bytes of one chunk arrived.
  case chunk([UInt8])
  /// The body ended. `isWhole` is false if the connection ended before the body was complete.
  case end(isWhole: Bool)
}
