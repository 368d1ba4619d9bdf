import CCurl

/// The TLS sessions that a transport's handles share: resuming one shortens the next handshake with the same host. Without
/// a share, each handle keeps its own. Used on one thread at a time.
final class TLSSessions: @unchecked Sendable {
  /// `nil` if there is no memory; the handles then share nothing.
  let share = curl_share_init()

  init() { curl_share_set_data(share, CURL_LOCK_DATA_SSL_SESSION) }

  // Every handle retains this object, so the last handle is already freed.
  deinit { curl_share_cleanup(share) }
}
