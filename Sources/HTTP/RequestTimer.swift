/// The time limits of one request: decides when to check the request and when it has failed; performs no I/O.
///
/// The connect timeout counts from the end of name resolution, so that a resolver that tries a second server does not use
/// up the time to connect. One wakeup per request is enough, because most requests end before the first.
struct RequestTimer {
  /// The stages of a request.
  enum Phase: Equatable {
    /// Waiting for a free connection, or resolving the host's name.
    case waiting
    /// Connecting, TLS handshake included, since the end of name resolution.
    case connecting(since: ContinuousClock.Instant)
    /// Sending the request or receiving the response.
    case connected
  }

  /// The action to take.
  enum Decision: Equatable {
    /// Check the request again at this time.
    case check(at: ContinuousClock.Instant)
    /// Set no timer: no limit is left.
    case rest
    /// Fail the request.
    case expire
  }

  let start: ContinuousClock.Instant
  let timeout: Duration?
  let connectTimeout: Duration

  /// The interval between checks of a waiting request, each of which extends libcurl's connect timeout.
  var interval: Duration { min(connectTimeout / 4, .milliseconds(500)) }

  /// The connect timeout to set on libcurl, which measures it from the start of the attempt: the time until the next
  /// check plus the connect timeout.
  ///
  /// libcurl divides the remaining time among a host's addresses, so it must not be much longer than needed.
  func allowance(now: ContinuousClock.Instant) -> Duration { start.duration(to: now) + interval + connectTimeout }

  func decision(_ phase: Phase, now: ContinuousClock.Instant) -> Decision {
    let end = timeout.map { start + $0 }
    if let end, end <= now { return .expire }
    switch phase {
    case .connected: return end.map { .check(at: $0) } ?? .rest
    case .waiting:
      let next = now + interval
      return .check(at: end.map { min($0, next) } ?? next)
    case .connecting(let since):
      let limit = since + connectTimeout
      return limit <= now ? .expire : .check(at: end.map { min($0, limit) } ?? limit)
    }
  }
}
