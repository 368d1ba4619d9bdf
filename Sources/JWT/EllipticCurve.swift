/// A curve for ECDSA by its name in a JWK (RFC 7518 §6.2.1.1), which libcrypto understands too.
enum EllipticCurve: String {
  case p256 = "P-256"
  case p384 = "P-384"

  /// The length of a coordinate, and of each of a signature's two numbers.
  var coordinateBytes: Int {
    switch self {
    case .p256: 32
    case .p384: 48
    }
  }

  /// Encodes a signature of RFC 7518 §3.4 (r and s, each of the curve's full length) as the ECDSA-Sig-Value of RFC 3279,
  /// which libcrypto reads.
  ///
  /// - Returns: `nil` for a signature of another length. libcrypto refuses an r or s that is 0, or not below the order.
  func derSignature(_ signature: [UInt8]) -> [UInt8]? {
    guard signature.count == 2 * coordinateBytes else { return nil }
    let (r, s) = (signature.prefix(coordinateBytes), signature.suffix(coordinateBytes))
    let content = Self.derInteger(r) + Self.derInteger(s)
    // Of P-384 at most 102 bytes, so every length takes one byte.
    return [0x30, UInt8(content.count)] + content
  }

  private static func derInteger(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var digits = Array(bytes.drop { $0 == 0 })
    // A leading bit of 1 would make the number negative.
    if digits.first.map({ $0 >= 0x80 }) ?? true { digits.insert(0, at: 0) }
    return [0x02, UInt8(digits.count)] + digits
  }
}
