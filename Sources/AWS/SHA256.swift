import CCrypto

/// SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104) by libcrypto.
///
/// Uses the low-level functions, which cannot fail. The functions of `EVP` look up a provider, which the machine's
/// configuration may have disabled, and the lookup takes longer than hashing a short text.
package enum SHA256 {
  static let digestLength = 32
  private static let blockLength = 64

  /// The digest, 32 bytes.
  package static func hash(_ data: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: digestLength) { digest, count in
      var context = SHA256_CTX()
      SHA256_Init(&context)
      SHA256_Update(&context, data, data.count)
      SHA256_Final(digest.baseAddress, &context)
      count = digestLength
    }
  }

  /// An HMAC key, with its padded blocks computed once.
  struct HMAC: Sendable {
    private let inner: [UInt8]
    private let outer: [UInt8]

    init(key: [UInt8]) {
      let key = key.count > blockLength ? hash(key) : key
      let block = key + [UInt8](repeating: 0, count: blockLength - key.count)
      inner = block.map { $0 ^ 0x36 }
      outer = block.map { $0 ^ 0x5C }
    }

    func authenticate(_ data: [UInt8]) -> [UInt8] { hash(outer + hash(inner + data)) }
  }
}

extension SHA256.HMAC: CustomReflectable {
  /// A mirror without children: the key is a secret.
  var customMirror: Mirror { Mirror(self, children: []) }
}

extension [UInt8] {
  /// The bytes as lower-case hexadecimal digits, in ASCII.
  package var hex: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count * 2) { digits, count in
      for byte in self {
        digits[count] = hexDigit(byte >> 4, lowercase: true)
        digits[count + 1] = hexDigit(byte & 0xF, lowercase: true)
        count += 2
      }
    }
  }
}

/// The ASCII digit of a value below 16.
func hexDigit(_ value: UInt8, lowercase: Bool) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : (lowercase ? UInt8(ascii: "a") : UInt8(ascii: "A")) + value - 10
}
