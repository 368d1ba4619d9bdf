import CCrypto

/// SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104) by libcrypto.
///
/// Uses the low-level functions, which cannot fail. The functions of `EVP` look up a provider, which the machine's
/// configuration may have disabled, and the lookup takes longer than hashing a short text.
package enum SHA256 {
  static let digestLength = 32
  private static let blockLength = 64

  /// The digest, 32 bytes.
  package static func hash(_ data: [UInt8]) -> [UInt8] { SHA256_CTX(data).digest() }

  /// An HMAC key, with its padded blocks hashed once.
  struct HMAC: Sendable {
    private let inner: SHA256_CTX
    private let outer: SHA256_CTX

    init(key: [UInt8]) {
      let key = key.count > blockLength ? hash(key) : key
      let block = key + [UInt8](repeating: 0, count: blockLength - key.count)
      inner = SHA256_CTX(block.map { $0 ^ 0x36 })
      outer = SHA256_CTX(block.map { $0 ^ 0x5C })
    }

    func authenticate(_ data: [UInt8]) -> [UInt8] { outer.adding(inner.adding(data).digest()).digest() }
  }
}

extension SHA256_CTX {
  /// The state after these bytes.
  fileprivate init(_ data: [UInt8]) {
    self.init()
    SHA256_Init(&self)
    SHA256_Update(&self, data, data.count)
  }

  /// The state after further bytes.
  fileprivate func adding(_ data: [UInt8]) -> SHA256_CTX {
    var context = self
    SHA256_Update(&context, data, data.count)
    return context
  }

  /// The digest of all bytes so far.
  fileprivate func digest() -> [UInt8] {
    var context = self
    return [UInt8](unsafeUninitializedCapacity: SHA256.digestLength) { digest, count in
      SHA256_Final(digest.baseAddress, &context)
      count = SHA256.digestLength
    }
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
