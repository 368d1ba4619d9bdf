import TestSupport
import Testing

@testable import JWT

/// When keys are fetched, used, awaited or missing.
@Suite(.ownThread)
struct KeyCacheTests {
  private let start = ContinuousClock.now
  private let keys: JWKSet
  private var cache = KeyCache()

  init() throws { keys = try #require(Issuer.shared).keySet }

  /// A step in short: `use 1` for keys of generation 1.
  private mutating func next(after generation: Int? = nil, at seconds: Double) -> String {
    switch cache.next(after: generation, now: time(seconds)) {
    case .use(let snapshot): "use \(snapshot.generation)"
    case .fetch: "fetch"
    case .wait: "wait"
    case .fail(let error): "\(error)"
    }
  }

  private func time(_ seconds: Double) -> KeyCache.Instant { start + .seconds(seconds) }

  private mutating func succeed(at seconds: Double) { cache.succeeded(keys, now: time(seconds)) }
  private mutating func fail(at seconds: Double) { cache.failed(.keysUnavailable("down"), now: time(seconds)) }

  @Test("The first caller fetches, others wait, and then all use the keys")
  mutating func first() {
    #expect(next(at: 0) == "fetch")
    #expect(next(at: 0) == "wait")
    #expect(next(at: 5) == "wait")
    succeed(at: 6)
    #expect(next(at: 6) == "use 1")
    #expect(next(at: 3605) == "use 1")
  }

  @Test("For missing keys there is one fetch a minute, counted from the last one")
  mutating func missing() {
    _ = next(at: 0)
    succeed(at: 0)
    #expect(next(after: 1, at: 59.9) == "use 1")
    #expect(next(after: 1, at: 60) == "fetch")
    #expect(next(after: 1, at: 60) == "wait")
    // A caller whose key is there does not wait.
    #expect(next(at: 60) == "use 1")
    succeed(at: 61)
    #expect(next(after: 1, at: 61) == "use 2")
    #expect(next(after: 2, at: 120.9) == "use 2")
    #expect(next(after: 2, at: 121) == "fetch")
    fail(at: 122)
    #expect(next(after: 2, at: 122) == "use 2")
    #expect(next(after: 2, at: 181) == "use 2")
    #expect(next(after: 2, at: 182) == "fetch")
  }

  @Test("After an hour one caller fetches again while others use the old keys, which stay if the issuer is down")
  mutating func old() {
    _ = next(at: 0)
    succeed(at: 0)
    #expect(next(at: 3599) == "use 1")
    #expect(next(at: 3600) == "fetch")
    #expect(next(at: 3601) == "use 1")
    fail(at: 3605)
    #expect(next(at: 3664) == "use 1")
    #expect(next(at: 3665) == "fetch")
    fail(at: 3670)
    #expect(next(at: 1e6) == "fetch")
    succeed(at: 1e6)
    #expect(next(at: 1e6 + 3599) == "use 2")
  }

  @Test("Without keys a failure answers everyone for a second; then one caller fetches again")
  mutating func down() {
    let error = "the issuer's keys cannot be fetched: down"
    #expect(next(at: 0) == "fetch")
    fail(at: 5)
    #expect(next(at: 5) == error)
    #expect(next(at: 5.9) == error)
    #expect(next(at: 6) == "fetch")
    #expect(next(at: 6) == "wait")
    succeed(at: 7)
    #expect(next(at: 7) == "use 1")
  }

  @Test("After a cancelled fetch the next caller fetches at once")
  mutating func abandoned() {
    #expect(next(at: 0) == "fetch")
    cache.abandoned()
    #expect(next(at: 0) == "fetch")
    succeed(at: 0)
    #expect(next(after: 1, at: 60) == "fetch")
    cache.abandoned()
    #expect(next(after: 1, at: 60) == "fetch")
  }
}
