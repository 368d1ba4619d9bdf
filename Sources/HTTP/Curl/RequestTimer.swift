/// The time limits of one request: decides when to look at it next and when it has failed; performs no I/O.
///
/// The connect timeout counts from the end of name resolution: a resolver that has to try its second server must not use
/// up the time for connecting. One wakeup per request is enough, because most requests end before the first.
struct RequestTimer {
  /// How far a request has come.
  enum Phase: Equatable {
    /// Waiting for a free connection, or resolving the host's name.
    case waiting
    /// Connecting, TLS handshake included, since the name was resolved.
    case connecting(since: ContinuousClock.Instant)
    /// Sending the request or receiving the response.
    case connected
  }

  /// What to do now.
  enum Decision: Equatable {
    /// Look again at this time.
    case check(at: ContinuousClock.Instant)
    /// Never look again: there is no limit any more.
    case rest
    /// Fail the request.
    case expire
  }

  let start: ContinuousClock.Instant
  let timeout: Duration?
  let connectTimeout: Duration

  /// How often a waiting request is looked at: libcurl's own connect timeout is moved on as often.
  var interval: Duration { min(connectTimeout / 4, .milliseconds(500)) }

  /// The connect timeout to set on libcurl now, which counts from the start of the attempt: it holds until the next look,
  /// and then for the whole connect timeout.
  ///
  /// libcurl divides the rest of it among a host's addresses, so it must not be much longer than needed.
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
