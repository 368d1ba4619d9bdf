import CCurl

/// The body of a request that libcurl asks for piece by piece, sent in chunks (RFC 9112, section 7.1).
///
/// libcurl calls from the loop's thread; each piece becomes a chunk and is sent at once. Without a piece the transfer
/// pauses until the body's writer wakes it.
final class CurlUpload {
  /// Called, within a call from libcurl, when a header block of the response is complete.
  var onResponse: (() -> Void)?
  private let body: BodyStream
  /// Whether libcurl waits for `resume`.
  private var isPaused = false

  init(_ body: BodyStream) { self.body = body }

  /// Sets the upload as the request's body.
  ///
  /// The service closes the connection of a streamed response, so that it has one of its own. It is new, because libcurl
  /// cannot repeat such a request if a kept connection turns out to be dead.
  func prepare(_ easy: UnsafeMutableRawPointer) {
    curl_easy_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
    curl_easy_set_long(easy, CURLOPT_FORBID_REUSE, 1)
    curl_easy_set_pointer(easy, CURLOPT_POSTFIELDS, nil)
    curl_easy_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, -1)
    let this = Unmanaged.passUnretained(self).toOpaque()
    curl_easy_set_pointer(easy, CURLOPT_READDATA, this)
    curl_easy_set_callback(easy, CURLOPT_READFUNCTION) { bytes, size, count, this in
      let buffer = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
      return CurlUpload.from(this)?.read(into: buffer) ?? Int(CURL_READFUNC_ABORT)
    }
    curl_easy_set_pointer(easy, CURLOPT_TRAILERDATA, this)
    curl_easy_set_trailer_callback(easy) { list, this in
      guard let list, let upload = CurlUpload.from(this) else { return CURL_TRAILERFUNC_ABORT }
      return upload.addTrailer(to: &list.pointee) ? CURL_TRAILERFUNC_OK : CURL_TRAILERFUNC_ABORT
    }
  }

  /// Continues a paused transfer. Not within a call from libcurl.
  func resume(_ easy: UnsafeMutableRawPointer) {
    guard isPaused else { return }
    isPaused = false
    curl_easy_pause(easy, CURLPAUSE_CONT)
  }

  private func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    switch body.read(into: buffer) {
    case .bytes(let count): return count
    case .end: return 0
    case .failed: return Int(CURL_READFUNC_ABORT)
    case .pending:
      isPaused = true
      return Int(CURL_READFUNC_PAUSE)
    }
  }

  private func addTrailer(to list: inout UnsafeMutablePointer<curl_slist>?) -> Bool {
    guard case .end(let trailer) = body.read(into: UnsafeMutableRawBufferPointer(start: nil, count: 0)) else {
      return false
    }
    for field in trailer.fields {
      guard let longer = curl_slist_append(list, "\(field.name): \(field.value)") else { return false }
      list = longer
    }
    return true
  }

  private static func from(_ pointer: UnsafeMutableRawPointer?) -> CurlUpload? {
    pointer.map { Unmanaged<CurlUpload>.fromOpaque($0).takeUnretainedValue() }
  }
}
