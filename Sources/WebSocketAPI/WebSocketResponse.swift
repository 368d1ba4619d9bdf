import JSON

/// The response of a Lambda proxy integration of a WebSocket API.
///
/// On `$connect`, API Gateway opens the connection only for a status of 200. On other routes the client receives the
/// body only if the route has a route response.
public struct WebSocketResponse: Sendable, Equatable, Encodable {
  /// The HTTP status.
  public var statusCode: Int
  /// The headers of the handshake's response: on `$connect` for instance `Sec-WebSocket-Protocol`. Other routes ignore
  /// them.
  public var headers: [String: String]
  /// The body; an empty one is omitted.
  public var body: String

  /// Creates a response.
  public init(_ statusCode: Int, _ body: String = "", headers: [String: String] = [:]) {
    self.statusCode = statusCode
    self.headers = headers
    self.body = body
  }

  private enum CodingKeys: CodingKey {
    case statusCode, headers, body
  }

  /// Encodes the response; empty headers and an empty body are omitted.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(statusCode, forKey: .statusCode)
    if !headers.isEmpty { try container.encode(headers, forKey: .headers) }
    if !body.isEmpty { try container.encode(body, forKey: .body) }
  }

  /// The response as Lambda expects it: JSON with sorted names.
  public func json() -> [UInt8] {
    var object = JSONObjectText()
    if !body.isEmpty { object.add("body", body) }
    if !headers.isEmpty {
      var fields = JSONObjectText()
      for (name, value) in headers.sorted(by: { $0.key < $1.key }) { fields.add(name, value) }
      object.add("headers", json: fields.bytes)
    }
    object.add("statusCode", statusCode)
    return object.bytes
  }
}
