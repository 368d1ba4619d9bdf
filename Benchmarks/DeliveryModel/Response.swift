/// HTTP responses of the modelled services.
enum Response {
  static let ok = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
  static let accepted = Array("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".utf8)
  static let noContent = Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)
  static let gone = managementError("410 Gone", "GoneException")
  /// For slow clients and a throttled account alike.
  static let limitExceeded = managementError("429 Too Many Requests", "LimitExceededException")
  static let resourceNotFound = managementError("404 Not Found", "ResourceNotFoundException")

  private static func managementError(_ status: String, _ type: String) -> [UInt8] {
    let body = #"{"message":null}"#
    return Array(
      """
      HTTP/1.1 \(status)\r\nx-amzn-ErrorType: \(type)\r\nContent-Type: application/json\r
      Content-Length: \(body.utf8.count)\r\n\r\n\(body)
      """.utf8)
  }

  static func dynamoDB(_ status: Int, _ body: [UInt8]) -> [UInt8] {
    let head = """
      HTTP/1.1 \(status) \(status == 200 ? "OK" : "Bad Request")\r\nContent-Type: application/x-amz-json-1.0\r
      Content-Length: \(body.count)\r\n\r\n
      """
    return Array(head.utf8) + body
  }

  static func next(id: String, function: String, deadline: Int64, _ payload: [UInt8]) -> [UInt8] {
    let head = """
      HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: \(id)\r
      Lambda-Runtime-Deadline-Ms: \(deadline)\r
      Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:\(function)\r
      Content-Length: \(payload.count)\r\n\r\n
      """
    return Array(head.utf8) + payload
  }
}
