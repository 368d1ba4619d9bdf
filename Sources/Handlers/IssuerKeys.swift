import EventLoop
import HTTP
import JSON
import JWT

/// Fetches the keys of an OpenID Connect issuer.
struct IssuerKeys: Sendable {
  /// The longest duration of one request.
  private static let timeout = Duration.seconds(5)

  let issuer: String
  /// The address of the keys; `nil`: the issuer's discovery document names it.
  let address: TargetURI?
  let transport: any HTTPTransport

  /// Returns the JWK Set as the issuer sends it.
  func fetch() async throws -> [UInt8] {
    if let address { return try await get(address) }
    return try await get(try await discover())
  }

  /// The `jwks_uri` of the discovery document.
  ///
  /// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig>
  private func discover() async throws -> TargetURI {
    let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
    guard let address = TargetURI(trusted: base + "/.well-known/openid-configuration") else {
      throw Unusable("the issuer is not an https URL")
    }
    var scanner = JSONScanner(try await get(address))
    var named: String?
    var keys: String?
    do {
      try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in
        switch name {
        case "issuer": named = try scanner.string()
        case "jwks_uri": keys = try scanner.string()
        default: try scanner.skipValue()
        }
      }
      try scanner.end()
    } catch {
      throw Unusable("the discovery document is not a JSON object of the expected form")
    }
    // Otherwise one issuer could speak for another (section 4.3).
    guard named?.utf8.elementsEqual(issuer.utf8) == true else {
      throw Unusable("the discovery document is of another issuer")
    }
    guard let address = keys.flatMap({ TargetURI(trusted: $0) }) else {
      throw Unusable("the discovery document has no jwks_uri that is an https URL")
    }
    return address
  }

  private func get(_ address: TargetURI) async throws -> [UInt8] {
    var request = HTTPRequest(method: .get, target: address, headers: ["Accept": "application/json"])
    request.timeout = Deadline.remaining(atMost: Self.timeout)
    request.maximumResponseBytes = JWKSet.maximumBytes
    let response = try await transport.send(request)
    guard response.status == 200 else {
      throw Unusable("the answer of \(request.authority) has status \(response.status)")
    }
    return response.body
  }

  private struct Unusable: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }
}

extension TargetURI {
  /// An https URL, or an http one to this machine, without user and fragment; `nil` for any other text.
  init?(trusted text: String) {
    guard let target = TargetURI(absoluteHTTP: text),
      target.isSecure || ["localhost", "127.0.0.1", "::1"].contains(target.host)
    else { return nil }
    self = target
  }
}
