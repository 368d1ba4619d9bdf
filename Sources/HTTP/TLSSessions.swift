import CCurl

/// The TLS sessions of a transport's handles: one shortens the next handshake with the same host, and libcurl alone would
/// keep it to the handle that made it. On one thread at a time.
final class TLSSessions: @unchecked Sendable {
  /// `nil` for want of memory: then nothing is shared.
  let share = curl_share_init()

  init() { curl_share_set_data(share, CURL_LOCK_DATA_SSL_SESSION) }

  // The last handle has gone before, since each keeps this.
  deinit { curl_share_cleanup(share) }
}
