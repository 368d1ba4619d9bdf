import CCurl
import EventLoop

/// A libcurl easy handle with the response that comes in through it. Used for one request after the other, since a new
/// one costs reading the resolver's configuration.
///
/// On one thread at a time.
final class CurlHandle {
  /// For the multi interface.
  let easy: UnsafeMutableRawPointer
  private let sessions: TLSSessions
  private let errorBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  /// The last request's origin, and libcurl's form of it: what is parsed once is not parsed for each post.
  private var origin = ""
  private let url: OpaquePointer
  private var headerLines = HeaderLines()
  private var method: HTTPMethod?
  private var headers = HTTPHeaders()
  /// Whether the empty line that ends the header block has come. libcurl takes the end of the connection for it too.
  private var areHeadersComplete = false
  private var body: [UInt8] = []

  /// - Returns: `nil` for want of memory.
  init?(_ sessions: TLSSessions, connectTimeout: Duration, certificateAuthorities: String?) {
    self.sessions = sessions
    let (easy, url) = (curl_easy_init(), curl_url())
    guard let easy, let url else {
      curl_easy_cleanup(easy)
      curl_url_cleanup(url)
      headerLines.deallocate()
      errorBuffer.deallocate()
      return nil
    }
    self.easy = easy
    self.url = url
    curl_easy_set_pointer(easy, CURLOPT_SHARE, sessions.share)
    curl_easy_set_pointer(easy, CURLOPT_ERRORBUFFER, errorBuffer)
    curl_easy_set_long(easy, CURLOPT_NOSIGNAL, 1)
    curl_easy_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    // Not HTTP/2, by scripts/bench broadcast with nginx: one connection spares a new process handshakes (36 ms for the
    // first 100 posts, 60 without it), but each post then takes a quarter more CPU; and libcurl 7.88 takes the reset of
    // a stream that has been answered for a failure.
    curl_easy_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    curl_easy_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    curl_easy_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, connectTimeout.wholeMilliseconds)
    curl_easy_set_long(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    // The answer of a proxy to CONNECT is not the response.
    curl_easy_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    // A buffer of this size, the least there is, is made anew for each request.
    curl_easy_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16_384)
    if let certificateAuthorities { curl_easy_set_string(easy, CURLOPT_CAINFO, certificateAuthorities) }

    let this = Unmanaged.passUnretained(self).toOpaque()
    curl_easy_set_pointer(easy, CURLOPT_HEADERDATA, this)
    curl_easy_set_callback(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, this in
      CurlHandle.of(this)?.takeHeaderLine(UnsafeRawBufferPointer(start: bytes, count: size * count))
      return size * count
    }
    curl_easy_set_pointer(easy, CURLOPT_WRITEDATA, this)
    curl_easy_set_callback(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, this in
      CurlHandle.of(this)?.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
      return size * count
    }
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_url_cleanup(url)
    headerLines.deallocate()
    errorBuffer.deallocate()
  }

  private static func of(_ pointer: UnsafeMutableRawPointer?) -> CurlHandle? {
    pointer.map { Unmanaged<CurlHandle>.fromOpaque($0).takeUnretainedValue() }
  }

  // MARK: - The request

  /// Sets a request, which has been validated.
  func prepare(_ request: HTTPRequest) {
    let target = request.target
    if target.origin != origin { setOrigin(target) }
    // Not by an argument of its own: that would be a copy first, and libcurl makes one anyway.
    _ = target.originForm.withCString { curl_easy_set_string(easy, CURLOPT_REQUEST_TARGET, $0) }
    setMethod(request)
    curl_easy_set_pointer(easy, CURLOPT_HTTPHEADER, headerLines.list(of: request.headers))
    errorBuffer[0] = 0
  }

  private func setOrigin(_ target: TargetURI) {
    let origin = String(target.origin)
    let flags = UInt32(CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME)
    // Where libcurl does not take it, the text itself has it say why.
    let isTaken = curl_url_set(url, CURLUPART_URL, origin, flags) == CURLUE_OK
    curl_easy_set_pointer(easy, CURLOPT_CURLU, isTaken ? UnsafeRawPointer(url) : nil)
    curl_easy_set_string(easy, CURLOPT_URL, origin)
    curl_easy_set_string(easy, CURLOPT_NOPROXY, target.isSecure ? nil : "*")
    self.origin = origin
  }

  private func setMethod(_ request: HTTPRequest) {
    if request.body.isEmpty, request.method != .post {
      // HEAD has no body in its response, whatever its length says.
      curl_easy_set_long(easy, request.method == "HEAD" ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1)
    } else {
      curl_easy_set_long(easy, CURLOPT_POST, 1)
      curl_easy_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, request.body.count)
      request.body.withUnsafeBytes { bytes in
        // An empty array may have no address, and without one libcurl would ask for the body.
        _ =
          bytes.baseAddress.map { curl_easy_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, $0) }
          ?? curl_easy_set_string(easy, CURLOPT_COPYPOSTFIELDS, "")
      }
    }
    if request.method != method { curl_easy_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue) }
    method = request.method
  }

  // MARK: - The response

  private func takeHeaderLine(_ bytes: UnsafeRawBufferPointer) {
    let line = bytes[...].trimmed { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }
    guard !line.isEmpty else {
      areHeadersComplete = true
      return
    }
    // Another header block begins: the one before was that of an interim response (1xx).
    if line.starts(with: "HTTP/".utf8) {
      headers = HTTPHeaders([], reserving: 12)
      areHeadersComplete = false
      return
    }
    // After the end come the fields of a trailer.
    guard !areHeadersComplete else { return }
    if line.first?.isBlank == true, let field = headers.fields.popLast() {
      // The value goes on (obs-fold; RFC 9112, section 5.2).
      let parts = [field.value, line.trimmed(\.isBlank).text]
      headers.add(name: field.name, value: parts.filter { !$0.isEmpty }.joined(separator: " "))
    } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
      headers.add(name: line[..<colon].text, value: line[(colon + 1)...].trimmed(\.isBlank).text)
    }
  }

  private func takeBody(_ bytes: UnsafeRawBufferPointer) {
    body.append(contentsOf: bytes)
  }

  /// What came of the request.
  func result(_ code: CURLcode, of request: HTTPRequest) -> Result<HTTPResponse, any Error> {
    guard code == CURLE_OK else {
      let message = String(cString: errorBuffer[0] == 0 ? curl_easy_strerror(code) : UnsafePointer(errorBuffer))
      return .failure(HTTPError(reason(code), request, detail: message))
    }
    var status = 0
    curl_easy_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
    guard areHeadersComplete, status >= 200 else {
      return .failure(HTTPError(.connectionLost, request, detail: "the connection ended before the header block did"))
    }
    return .success(HTTPResponse(status: status, headers: headers, body: body))
  }

  /// What there is to say when the request's time is over.
  func timeout(of request: HTTPRequest) -> HTTPError {
    hasConnected
      ? HTTPError(.timedOut, request, detail: "no whole response in time")
      : HTTPError(.cannotConnect, request, detail: "no connection in time")
  }

  private func reason(_ code: CURLcode) -> HTTPError.Reason {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .nameNotResolved
    // Of the times that there are, libcurl knows that for connecting alone.
    case CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT: .cannotConnect
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR:
      .tls
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SEND_FAIL_REWIND:
      // A proxy that refuses comes here too, before there is a connection.
      hasConnected ? .connectionLost : .cannotConnect
    // The request was validated and its scheme is known: this is about what came back.
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING: .invalidResponse
    case CURLE_URL_MALFORMAT, CURLE_LOGIN_DENIED: .invalidRequest
    default: .other
    }
  }

  /// Whether a connection was there to send the request on.
  private var hasConnected: Bool {
    var microseconds: curl_off_t = 0
    curl_easy_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds)
    return microseconds > 0
  }

  /// Lets go of what belongs to one request.
  func clear() {
    curl_easy_set_pointer(easy, CURLOPT_HTTPHEADER, nil)
    // Frees libcurl's copy.
    curl_easy_set_pointer(easy, CURLOPT_POSTFIELDS, nil)
    headers = HTTPHeaders()
    areHeadersComplete = false
    body = []
  }
}

extension Slice<UnsafeRawBufferPointer> {
  fileprivate func trimmed(_ isTrimmed: (UInt8) -> Bool) -> Self {
    var (start, end) = (startIndex, endIndex)
    while start < end, isTrimmed(self[start]) { start += 1 }
    while start < end, isTrimmed(self[end - 1]) { end -= 1 }
    return self[start..<end]
  }

  fileprivate var text: String { String(decoding: UnsafeRawBufferPointer(rebasing: self), as: UTF8.self) }
}

extension UInt8 {
  /// Whether the byte is white space within a field line (RFC 9110, section 5.6.3).
  var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
