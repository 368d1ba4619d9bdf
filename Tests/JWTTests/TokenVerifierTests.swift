import JWTTestSupport
import Synchronization
import TestSupport
import Testing

@testable import JWT

/// The verifier with an issuer that rotates keys, goes down and comes back.
@Suite(.ownThread)
struct TokenVerifierTests {
  private let issuer: Issuer

  init() throws { issuer = try #require(Issuer.shared) }

  /// An issuer's document, and a clock, both set by the test.
  private final class Server: Sendable {
    struct Down: Error, CustomStringConvertible {
      let description = "connection refused by \u{202E}10.0.0.1\n" + String(repeating: "x", count: 300)
    }

    struct State {
      var document: [UInt8]?
      var fetches = 0
      var now = ContinuousClock.now
    }

    let state: Mutex<State>

    init(_ document: [UInt8]?) { state = Mutex(State(document: document)) }

    var fetches: Int { state.withLock { $0.fetches } }
    func advance(by seconds: Double) { state.withLock { $0.now += .seconds(seconds) } }
    func serve(_ document: [UInt8]?) { state.withLock { $0.document = document } }

    func store(before: @escaping @Sendable () async throws -> Void = {}) -> KeyStore {
      KeyStore(
        fetch: {
          try await before()
          return try self.state.withLock {
            $0.fetches += 1
            guard let document = $0.document else { throw Down() }
            return document
          }
        }, now: { self.state.withLock { $0.now } })
    }
  }

  private func document(_ algorithms: JWSAlgorithm..., kid: String? = nil) throws -> [UInt8] {
    Issuer.set(algorithms.compactMap { issuer.keys[$0]?.json(["kid": kid ?? $0.rawValue]) })
  }

  private func error(_ verifier: TokenVerifier, _ token: String) async -> JWTError? {
    do {
      _ = try await verifier.verify(token, now: Issuer.now)
      return nil
    } catch {
      return error
    }
  }

  @Test("Keys are fetched once for many tokens; malformed and foreign ones cause no fetch")
  func fetchedOnce() async throws {
    let server = Server(try document(.edDSA, .es256))
    let verifier = TokenVerifier(policy: issuer.policy, keys: server.store())
    #expect(await error(verifier, "x.y.z") == .malformed(.header))
    #expect(await error(verifier, "eyJhbGciOiJub25lIn0.e30.AA") == .unsupportedAlgorithm)
    #expect(server.fetches == 0)
    for _ in 0..<20 {
      #expect(await error(verifier, try issuer.token(.edDSA)) == nil)
      #expect(await error(verifier, try issuer.token(.es256)) == nil)
    }
    #expect(server.fetches == 1)
  }

  @Test("A new key is fetched for the first token that names it; unknown keys cause at most one fetch a minute")
  func rotation() async throws {
    let server = Server(try document(.edDSA))
    let verifier = TokenVerifier(policy: issuer.policy, keys: server.store())
    let (old, new) = (try issuer.token(.edDSA), try issuer.token(.es256))
    #expect(await error(verifier, old) == nil)
    server.serve(try document(.es256))
    for _ in 0..<5 { #expect(await error(verifier, new) == .unknownKey) }
    #expect(server.fetches == 1)
    server.advance(by: 60)
    #expect(await error(verifier, new) == nil)
    #expect(server.fetches == 2)
    // The old key is withdrawn.
    #expect(await error(verifier, old) == .unknownKey)
    #expect(server.fetches == 2)
  }

  @Test("A token without a kid that no key verifies may mean a rotation too; one with a known kid does not")
  func rotationWithoutKeyID() async throws {
    let (old, new) = (try SigningKey(.es256), try SigningKey(.es256))
    let server = Server(Issuer.set([old.json(["kid": "k"])]))
    let verifier = TokenVerifier(policy: issuer.policy, keys: server.store())
    #expect(await error(verifier, try old.token(payload: Issuer.payload())) == nil)
    server.serve(Issuer.set([new.json(["kid": "k"])]))
    server.advance(by: 60)
    let named = try new.token(header: #"{"alg":"ES256","kid":"k"}"#, payload: Issuer.payload())
    #expect(await error(verifier, named) == .invalidSignature)
    #expect(server.fetches == 1)
    #expect(await error(verifier, try new.token(payload: Issuer.payload())) == nil)
    #expect(await error(verifier, named) == nil)
    #expect(server.fetches == 2)
  }

  @Test("Cached keys stay in use if a fetch fails or returns no usable key")
  func issuerDown() async throws {
    let server = Server(try document(.edDSA))
    let verifier = TokenVerifier(policy: issuer.policy, keys: server.store())
    let token = try issuer.token(.edDSA)
    #expect(await error(verifier, token) == nil)
    for document in [nil, [], Array("<html>".utf8), Array(#"{"keys":[]}"#.utf8)] as [[UInt8]?] {
      server.serve(document)
      server.advance(by: 3600)
      #expect(await error(verifier, token) == nil)
      #expect(await error(verifier, try issuer.token(.es256)) == .unknownKey)
    }
    #expect(server.fetches == 5)
    server.serve(try document(.es256))
    server.advance(by: 60)
    #expect(await error(verifier, token) == .unknownKey)
  }

  @Test("Without keys the token is refused with a printable reason, and accepted once the issuer is back")
  func downAtFirst() async throws {
    let server = Server(nil)
    let verifier = TokenVerifier(policy: issuer.policy, keys: server.store())
    let token = try issuer.token(.edDSA)
    let refusal = try #require(await error(verifier, token))
    #expect(refusal == .keysUnavailable("connection refused by ?10.0.0.1?" + String(repeating: "x", count: 168)))
    #expect(!refusal.isRefusal)
    #expect(await error(verifier, token) == refusal)
    #expect(server.fetches == 1)
    server.serve(Array("{}".utf8))
    server.advance(by: 1)
    #expect(
      await error(verifier, token) == .keysUnavailable("the JWK Set cannot be used: it has no array of keys"))
    server.serve(try document(.edDSA))
    server.advance(by: 1)
    #expect(await error(verifier, token) == nil)
  }

  @Test("100 concurrent callers share one fetch")
  func sharedFetch() async throws {
    let server = Server(try document(.edDSA))
    let verifier = TokenVerifier(
      policy: issuer.policy, keys: server.store { for _ in 0..<1000 { await Task.yield() } })
    let token = try issuer.token(.edDSA)
    await withTaskGroup(of: JWTError?.self) { group in
      for _ in 0..<100 { group.addTask { await error(verifier, token) } }
      for await result in group { #expect(result == nil) }
    }
    #expect(server.fetches == 1)
  }

  @Test("Cancelling the caller that fetches does not fail the callers that wait")
  func cancelledFetch() async throws {
    let server = Server(try document(.edDSA))
    let isFirst = Mutex(true)
    let verifier = TokenVerifier(
      policy: issuer.policy,
      keys: server.store {
        if isFirst.withLock({ exchange(&$0, with: false) }) { try await Task.sleep(for: .seconds(600)) }
      })
    let token = try issuer.token(.edDSA)
    let first = Task { await error(verifier, token) }
    while isFirst.withLock({ $0 }) { await Task.yield() }
    let others = (0..<10).map { _ in Task { await error(verifier, token) } }
    for _ in 0..<100 { await Task.yield() }
    first.cancel()
    #expect(await first.value == .keysUnavailable("the fetch was cancelled"))
    for other in others { #expect(await other.value == nil) }
    #expect(server.fetches == 1)
  }
}
