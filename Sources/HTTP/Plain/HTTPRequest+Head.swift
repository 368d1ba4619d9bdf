extension HTTPRequest {
  /// Rejects what `SocketTransport` cannot send: another scheme than `http`, and fields that delimit the body, which the
  /// transport adds itself.
  func validateForSocket() throws(HTTPError) {
    try validate()
    guard !target.isSecure else { throw HTTPError(.invalidRequest, self, detail: "only http URLs are supported") }
    guard headers["Content-Length"] == nil, headers["Transfer-Encoding"] == nil else {
      throw HTTPError(.invalidRequest, self, detail: "the transport delimits the body")
    }
  }

  /// The bytes of the request line and the header block of a valid request (RFC 9112, section 2.1).
  var head: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(512)
    bytes.append(utf8: method.rawValue)
    bytes.append(utf8: " ")
    bytes.append(utf8: target.originForm)
    bytes.append(utf8: " HTTP/1.1\r\n")
    func append(_ name: String, _ value: String) {
      bytes.append(utf8: name)
      bytes.append(utf8: ": ")
      bytes.append(utf8: value)
      bytes.append(utf8: "\r\n")
    }
    if headers["Host"] == nil { append("Host", target.hostField) }
    for field in headers.fields { append(field.name, field.value) }
    // A POST without a body says so (RFC 9110, section 8.6).
    if !body.isEmpty || method == .post { append("Content-Length", String(body.count)) }
    bytes.append(utf8: "\r\n")
    return bytes
  }
}
