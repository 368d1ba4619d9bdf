import CCurl
import EventLoop

/// A libcurl easy handle and the response that it receives. Reused, because a new handle reads the resolver's
/// configuration. Used on one thread at a time.
final class CurlHandle {
  /// For the multi interface.
  let easy: UnsafeMutableRawPointer
  private let sessions: TLSSessions
  private let sockets: OpenSockets
  private let proxyExceptions: ProxyExceptions
  private let errorBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  /// The last request's origin and its parsed form, because a broadcast posts to one origin again and again.
  private var origin: (scheme: String, authority: String) = ("", "")
  private let url: OpaquePointer
  private var headerLines = HeaderLines()
  private var method: HTTPMethod?
  private var response = ResponseBuilder()
  /// The body of the request, if it is written while it is sent.
  private(set) var upload: CurlUpload?
  private var hasResolverStarted = false
  /// When the first socket for the request was opened: the end of name resolution.
  private var connectStart: ContinuousClock.Instant?

  /// - Returns: `nil` if there is no memory.
  init?(_ sessions: TLSSessions, _ sockets: OpenSockets, _ settings: Settings) {
    self.sessions = sessions
    self.sockets = sockets
    proxyExceptions = settings.proxyExceptions
    let (easy, url) = (curl_easy_init(), curl_url())
    guard let easy, let url else {
      curl_easy_cleanup(easy)
      curl_url_cleanup(url)
      errorBuffer.deallocate()
      return nil
    }
    self.easy = easy
    self.url = url
    curl_easy_set_pointer(easy, CURLOPT_SHARE, sessions.share)
    curl_easy_set_pointer(easy, CURLOPT_ERRORBUFFER, errorBuffer)
    curl_easy_set_long(easy, CURLOPT_NOSIGNAL, 1)
    curl_easy_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    // HTTP/2 would take a quarter more CPU for each post (`scripts/bench broadcast` with nginx), and libcurl 7.88
    // reports the reset of an answered stream as a failure. It would save handshakes in a new process: 36 ms instead of
    // 60 ms for the first 100 posts.
    curl_easy_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    curl_easy_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    curl_easy_set_long(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    // A proxy's response to CONNECT is not the response to the request.
    curl_easy_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    // The smallest possible size: libcurl allocates this buffer for each request.
    curl_easy_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16_384)
    if let path = settings.certificateAuthorities { curl_easy_set_string(easy, CURLOPT_CAINFO, path) }
    setCallbacks()
  }

  private func setCallbacks() {
    let this = Unmanaged.passUnretained(self).toOpaque()
    curl_easy_set_pointer(easy, CURLOPT_HEADERDATA, this)
    curl_easy_set_callback(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, this in
      let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
      guard let handle = CurlHandle.from(this), handle.response.addHeaderLine(line) else { return 0 }
      if handle.response.areHeadersComplete { handle.upload?.onResponse?() }
      return line.count
    }
    curl_easy_set_pointer(easy, CURLOPT_WRITEDATA, this)
    curl_easy_set_callback(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, this in
      let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
      return CurlHandle.from(this)?.response.addBody(piece) == true ? piece.count : 0
    }
    curl_easy_set_pointer(easy, CURLOPT_RESOLVER_START_DATA, this)
    curl_easy_set_resolver_callback(easy) { _, _, this in
      CurlHandle.from(this)?.hasResolverStarted = true
      return 0
    }
    curl_easy_set_pointer(easy, CURLOPT_OPENSOCKETDATA, this)
    curl_easy_set_open_callback(easy) { this, _, address in
      guard let handle = CurlHandle.from(this) else { return -1 }
      if handle.connectStart == nil { handle.connectStart = .now }
      return handle.sockets.open(address)
    }
    // `sockets`, not the handle: the connection keeps this pointer and may outlive the handle that opened it.
    curl_easy_set_pointer(easy, CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(sockets).toOpaque())
    curl_easy_set_close_callback(easy) { sockets, socket in OpenSockets.from(sockets)?.close(socket) ?? -1 }
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_url_cleanup(url)
    headerLines.free()
    errorBuffer.deallocate()
  }

  private static func from(_ pointer: UnsafeMutableRawPointer?) -> CurlHandle? {
    pointer.map { Unmanaged<CurlHandle>.fromOpaque($0).takeUnretainedValue() }
  }

  // MARK: - The request

  /// Configures the handle for a request, which must be valid.
  ///
  /// - Returns: `false` if there is no memory.
  func prepare(_ request: HTTPRequest, connectTimeout: Duration) -> Bool {
    guard headerLines.set(request) else { return false }
    let target = request.target
    if target.authority != origin.authority || target.scheme != origin.scheme { setOrigin(target) }
    // With an explicit `withCString`: bridging the argument would copy it, and libcurl copies it again.
    _ = target.originForm.withCString { curl_easy_set_string(easy, CURLOPT_REQUEST_TARGET, $0) }
    setMethod(request)
    curl_easy_set_pointer(easy, CURLOPT_HTTPHEADER, headerLines.list)
    setConnectTimeout(connectTimeout)
    response.maximumBodyBytes = request.maximumResponseBytes
    errorBuffer[0] = 0
    return true
  }

  /// Sets a body that is written while it is sent, after `prepare`. The handle cannot be used for another request.
  func setUpload(_ upload: CurlUpload) {
    self.upload = upload
    upload.prepare(easy)
  }

  /// Sets libcurl's connect timeout, also while a transfer runs.
  func setConnectTimeout(_ timeout: Duration) {
    curl_easy_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout.wholeMilliseconds)
  }

  private func setOrigin(_ target: TargetURI) {
    let origin = "\(target.scheme)://\(target.authority)"
    let flags = UInt32(CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME)
    // If libcurl rejects the URL here, the transfer fails with its reason.
    let isAccepted = curl_url_set(url, CURLUPART_URL, origin, flags) == CURLUE_OK
    curl_easy_set_pointer(easy, CURLOPT_CURLU, isAccepted ? UnsafeRawPointer(url) : nil)
    curl_easy_set_string(easy, CURLOPT_URL, origin)
    // "*" means no proxy, and "" that libcurl must not read `NO_PROXY` itself.
    let bypassesProxy = !target.isSecure || proxyExceptions.contain(host: target.host, port: target.port ?? 443)
    curl_easy_set_string(easy, CURLOPT_NOPROXY, bypassesProxy ? "*" : "")
    self.origin = (target.scheme, target.authority)
  }

  private func setMethod(_ request: HTTPRequest) {
    if request.body.isEmpty, request.method != .post {
      // A response to HEAD has no body, even with a length field.
      curl_easy_set_long(easy, request.method == "HEAD" ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1)
    } else {
      curl_easy_set_long(easy, CURLOPT_POST, 1)
      curl_easy_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, request.body.count)
      request.body.withUnsafeBytes { bytes in
        // An empty array may have no address, and without one libcurl would ask a callback for the body.
        _ =
          bytes.baseAddress.map { curl_easy_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, $0) }
          ?? curl_easy_set_string(easy, CURLOPT_COPYPOSTFIELDS, "")
      }
    }
    if request.method != method { curl_easy_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue) }
    method = request.method
  }

  // MARK: - The outcome

  /// The stage of the running transfer.
  var phase: RequestTimer.Phase {
    if hasConnected { return .connected }
    return connectStart.map { .connecting(since: $0) } ?? .waiting
  }

  /// The result of a finished transfer.
  func result(_ code: CURLcode, of request: HTTPRequest) -> Result<HTTPResponse, any Error> {
    if let excess = response.excess { return .failure(error(.responseTooLarge, request, excess)) }
    guard code == CURLE_OK else { return .failure(error(reason(code), request, message(code))) }
    var status = 0
    curl_easy_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
    guard response.areHeadersComplete, status >= 200 else {
      return .failure(error(.connectionLost, request, "the connection ended before the header block did"))
    }
    return .success(HTTPResponse(status: status, headers: response.headers, body: response.body))
  }

  /// The error for a request that timed out.
  func timeout(of request: HTTPRequest) -> HTTPError {
    switch phase {
    case .connected: error(.timedOut, request, "no complete response in time")
    case .connecting: error(.cannotConnect, request, "no connection in time")
    case .waiting where hasResolverStarted: error(.nameNotResolved, request, "no answer of a name server in time")
    case .waiting: error(.cannotConnect, request, "no connection became free in time")
    }
  }

  private func error(_ reason: HTTPError.Reason, _ request: HTTPRequest, _ detail: String) -> HTTPError {
    HTTPError(reason, request, detail: detail, isOnKeptConnection: hasConnected && !hasOpenedConnection)
  }

  /// libcurl's message, without what it quotes of a proxy's URL: that may hold a user and a password.
  private func message(_ code: CURLcode) -> String {
    let message = String(cString: errorBuffer[0] == 0 ? curl_easy_strerror(code) : UnsafePointer(errorBuffer))
    if message.hasPrefix("Unsupported proxy") { return "the proxy's URL is malformed or has an unknown scheme" }
    return message.contains("@") ? String(cString: curl_easy_strerror(code)) : message
  }

  private func reason(_ code: CURLcode) -> HTTPError.Reason {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .nameNotResolved
    // The connect timeout is the only one set on libcurl.
    case CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT: .cannotConnect
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR:
      .tls
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SEND_FAIL_REWIND:
      // Also the code for a proxy that refuses, before there is a connection.
      hasConnected ? .connectionLost : .cannotConnect
    // These errors concern the response, because the request was validated.
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING: .invalidResponse
    // libcurl's own limits for one field line (100 KiB) and for a trailer (64 KiB).
    case CURLE_OUT_OF_MEMORY where hasConnected: .responseTooLarge
    case CURLcode(rawValue: 100): .responseTooLarge  // CURLE_TOO_LARGE, since 8.6
    case CURLE_URL_MALFORMAT, CURLE_LOGIN_DENIED: .invalidRequest
    default: .other
    }
  }

  /// Whether there was a connection to send the request on.
  private var hasConnected: Bool {
    var microseconds: curl_off_t = 0
    curl_easy_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds)
    return microseconds > 0
  }

  /// Whether the request opened a connection of its own.
  private var hasOpenedConnection: Bool {
    var count = 0
    curl_easy_get_long(easy, CURLINFO_NUM_CONNECTS, &count)
    return count > 0
  }

  /// Releases what belongs to one request.
  func clear() {
    curl_easy_set_pointer(easy, CURLOPT_HTTPHEADER, nil)
    // Frees libcurl's copy.
    curl_easy_set_pointer(easy, CURLOPT_POSTFIELDS, nil)
    response = ResponseBuilder()
    hasResolverStarted = false
    connectStart = nil
  }
}
