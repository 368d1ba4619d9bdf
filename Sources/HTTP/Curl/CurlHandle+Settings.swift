extension CurlHandle {
  /// The settings that all handles of a transport share.
  struct Settings: Sendable {
    var connectTimeout: Duration
    var certificateAuthorities: String?
    var proxyExceptions: ProxyExceptions
  }
}
