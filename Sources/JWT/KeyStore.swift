/// The keys of one issuer, fetched when they are needed and cached.
///
/// Keys are fetched for the first token, again for a token whose key is missing (at most once a minute), and once an
/// hour. Concurrent callers share one fetch. If a fetch fails or yields no usable set, the cached keys stay in use; with
/// none cached, tokens are refused with the reason, and the next fetch is at least a second later.
public actor KeyStore {
  private let fetch: @Sendable () async throws -> [UInt8]
  private let now: @Sendable () -> ContinuousClock.Instant
  private var cache = KeyCache()
  private var waiters: [CheckedContinuation<Void, Never>] = []

  /// Creates an empty store.
  ///
  /// - Parameter fetch: fetches the issuer's JWK Set, the body of the document at its `jwks_uri`, over a connection that
  ///   authenticates the issuer. Must bound its own time, since callers wait for it, and read no more than
  ///   `JWKSet.maximumBytes`. Runs in the task of one of the callers; if that task is cancelled, another caller fetches.
  ///   The description of an error that it throws must be fit for a log.
  public init(fetch: @escaping @Sendable () async throws -> [UInt8]) {
    self.init(fetch: fetch, now: { .now })
  }

  init(
    fetch: @escaping @Sendable () async throws -> [UInt8], now: @escaping @Sendable () -> ContinuousClock.Instant
  ) {
    self.fetch = fetch
    self.now = now
  }

  /// The current keys.
  ///
  /// - Parameter generation: the generation of keys in which the token's key was missing; `nil` for a caller that has
  ///   not tried any. The keys returned may be of that same generation.
  /// - Throws: `keysUnavailable` if there are no keys.
  func snapshot(after generation: Int? = nil) async throws(JWTError) -> KeyCache.Snapshot {
    while true {
      switch cache.next(after: generation, now: now()) {
      case .use(let snapshot): return snapshot
      case .fail(let error): throw error
      case .wait: await withCheckedContinuation { waiters.append($0) }
      case .fetch:
        let isCancelled = await fetchOnce()
        if isCancelled { throw .keysUnavailable("the fetch was cancelled") }
      }
    }
  }

  /// Fetches and records the result.
  ///
  /// - Returns: whether the fetch failed because the present task was cancelled.
  private func fetchOnce() async -> Bool {
    defer {
      for waiter in waiters { waiter.resume() }
      waiters = []
    }
    do {
      let keys = try JWKSet(parsing: try await fetch())
      cache.succeeded(keys, now: now())
    } catch {
      guard !Task.isCancelled else {
        cache.abandoned()
        return true
      }
      cache.failed(.keysUnavailable(Self.printable(error)), now: now())
    }
    return false
  }

  /// An error's description in at most 200 printable characters.
  private static func printable(_ error: any Error) -> String {
    let scalars = String(describing: error).unicodeScalars.prefix(200)
    return String(String.UnicodeScalarView(scalars.map { $0.value >= 0x20 && $0.value < 0x7F ? $0 : "?" }))
  }
}
