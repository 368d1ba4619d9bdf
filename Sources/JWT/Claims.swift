/// The claims of a verified token (RFC 7519 §4).
///
/// Describing or reflecting a value shows no claim, since claims are personal data that must not reach a log.
public struct Claims: Sendable, Equatable {
  /// The longest `sub`, in bytes of UTF-8 (OpenID Connect Core 1.0 §2).
  static let maximumSubjectBytes = 255

  /// `iss`: the configured issuer.
  public let issuer: String
  /// `sub`: the person or client, unique within the issuer. 1 to 255 bytes, without control characters.
  public let subject: String
  /// `aud`, one or more; `client_id` where the policy accepts it instead of `aud`.
  public let audiences: [String]
  /// `exp`.
  public let expirationTime: NumericDate
  /// `nbf`.
  public let notBefore: NumericDate?
  /// `iat`.
  public let issuedAt: NumericDate?

  private let members: [String: JSONValue]

  /// Any claim by its name, the ones above included. Claims without a property are as the issuer wrote them, unchecked.
  public subscript(name: String) -> JSONValue? { members[name] }

  /// Parses a payload and checks the types of the registered claims, but no value against a policy.
  init(payload: [UInt8], acceptsClientID: Bool) throws(JWTError) {
    guard let members = (try? JSONValue(parsing: payload))?.object else { throw .malformed(.payload) }
    self.members = members
    issuer = try Self.string(.issuer, members)
    subject = try Self.string(.subject, members)
    guard
      (1...Self.maximumSubjectBytes).contains(subject.utf8.count),
      !subject.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
    else { throw .malformedClaim(.subject) }
    if let value = members["aud"] {
      guard let audiences = value.string.map({ [$0] }) ?? value.strings else { throw .malformedClaim(.audience) }
      self.audiences = audiences
    } else if acceptsClientID {
      audiences = [try Self.string(.clientID, members)]
    } else {
      throw .missingClaim(.audience)
    }
    guard let expirationTime = try Self.date(.expirationTime, members) else { throw .missingClaim(.expirationTime) }
    self.expirationTime = expirationTime
    notBefore = try Self.date(.notBefore, members)
    issuedAt = try Self.date(.issuedAt, members)
  }

  private static func string(
    _ claim: JWTError.Claim, _ members: [String: JSONValue]
  ) throws(JWTError) -> String {
    guard let value = members[claim.rawValue] else { throw .missingClaim(claim) }
    guard let string = value.string else { throw .malformedClaim(claim) }
    return string
  }

  private static func date(
    _ claim: JWTError.Claim, _ members: [String: JSONValue]
  ) throws(JWTError) -> NumericDate? {
    guard let value = members[claim.rawValue] else { return nil }
    guard let date = NumericDate(claim: value) else { throw .malformedClaim(claim) }
    return date
  }
}

extension Claims: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The number of claims, without any of them.
  public var description: String { "Claims(\(members.count))" }

  /// The number of claims, without any of them.
  public var debugDescription: String { description }

  /// A mirror without children.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
