/// An issuer's keys in a cache, and when to fetch them. Performs no I/O and reads no clock.
///
/// Keys are fetched once and kept: for a token whose key is missing they are fetched again at most once a minute, and
/// once an hour in any case, so that a withdrawn key expires. If a fetch fails, the keys at hand stay in use.
struct KeyCache: Sendable {
  typealias Instant = ContinuousClock.Instant

  /// Keys from one fetch.
  struct Snapshot: Sendable {
    let keys: JWKSet
    /// 1 for the first successful fetch, one more for each later one.
    let generation: Int
  }

  /// An action for the caller of `next`.
  enum Step: Sendable {
    /// Use these keys.
    case use(Snapshot)
    /// Fetch, then report with `succeeded`, `failed` or `abandoned`.
    case fetch
    /// Wait until the fetch in flight is reported, then call `next` again.
    case wait
    /// Give up: there are no keys.
    case fail(JWTError)
  }

  /// The age at which keys are fetched again.
  static let maximumAge = Duration.seconds(3600)
  /// The least time between two fetches while there are keys.
  static let refetchPause = Duration.seconds(60)
  /// The least time between two fetches while there are none.
  static let retryPause = Duration.seconds(1)

  private var snapshot: Snapshot?
  private var fetchedAt: Instant?
  private var failure: (at: Instant, error: JWTError)?
  private var isFetching = false

  /// Decides what a caller in need of keys does.
  ///
  /// - Parameter generation: the generation of the keys that lacked the key of the caller's token; `nil` for a caller
  ///   that has not tried any.
  mutating func next(after generation: Int?, now: Instant) -> Step {
    guard let snapshot, let fetchedAt else {
      if isFetching { return .wait }
      if let failure, now < failure.at + Self.retryPause { return .fail(failure.error) }
      isFetching = true
      return .fetch
    }
    let isMissing = generation == snapshot.generation
    guard isMissing || now >= fetchedAt + Self.maximumAge else { return .use(snapshot) }
    // Keys that are merely old serve everyone but the caller that fetches.
    if isFetching { return isMissing ? .wait : .use(snapshot) }
    guard now >= (failure?.at ?? fetchedAt) + Self.refetchPause else { return .use(snapshot) }
    isFetching = true
    return .fetch
  }

  /// Records the keys of a fetch.
  mutating func succeeded(_ keys: JWKSet, now: Instant) {
    snapshot = Snapshot(keys: keys, generation: (snapshot?.generation ?? 0) + 1)
    fetchedAt = now
    failure = nil
    isFetching = false
  }

  /// Records a failed fetch. Cached keys stay in use.
  mutating func failed(_ error: JWTError, now: Instant) {
    failure = (now, error)
    isFetching = false
  }

  /// Records a fetch that ended because its caller was cancelled: the next caller fetches.
  mutating func abandoned() { isFetching = false }
}
