/// Checks of an RSA key's modulus and exponent that libcrypto does not make.
enum RSAParameters {
  /// RFC 7518 §3.3 and §3.5 ask for at least 2,048 bits; the upper bound limits the time of a verification.
  static let modulusBits = 2048...8192

  /// Checks a modulus and an exponent, big-endian.
  ///
  /// - Returns: the modulus without leading zeros. RFC 7518 §6.3.1.1 forbids them, but issuers are known to send one.
  /// - Throws: `invalidKey`.
  static func checked(modulus: [UInt8], exponent: [UInt8]) throws(JWTError) -> [UInt8] {
    let modulus = Array(modulus.drop { $0 == 0 })
    let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
    guard modulusBits.contains(bits) else { throw .invalidKey("RSA keys have 2048 to 8192 bits") }
    guard modulus.last.map({ !$0.isMultiple(of: 2) }) ?? false else { throw .invalidKey("the RSA modulus is even") }
    // libcrypto has the same upper bound for moduli over 3,072 bits.
    let exponent = exponent.drop { $0 == 0 }
    guard exponent.count <= 8 else { throw .invalidKey("the RSA exponent has more than 64 bits") }
    let value = exponent.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard value >= 3, !value.isMultiple(of: 2) else { throw .invalidKey("the RSA exponent is even or below 3") }
    guard !hasROCAFingerprint(modulus) else { throw .invalidKey("the RSA key has the ROCA weakness") }
    return modulus
  }

  /// Whether a modulus was made by Infineon's faulty key generator (CVE-2017-15361), whose keys can be factored.
  ///
  /// Both primes of such a key are powers of 65,537 modulo each of the first primes, hence so is the modulus. One
  /// modulus in 2^27 of other keys has the same property (Nemec et al., "The Return of Coppersmith's Attack", 2017).
  static func hasROCAFingerprint(_ modulus: [UInt8]) -> Bool {
    smallPrimes.allSatisfy { prime in
      let remainder = modulus.reduce(0) { ($0 << 8 | Int($1)) % prime }
      var power = 1
      repeat {
        if power == remainder { return true }
        power = power * 65_537 % prime
      } while power != 1
      return false
    }
  }

  /// The primes from 3 to 167.
  private static let smallPrimes = (3...167).filter { number in !(2..<number).contains { number.isMultiple(of: $0) } }
}
