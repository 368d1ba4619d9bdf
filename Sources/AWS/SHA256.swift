import CCrypto

/// The two primitives of Signature Version 4, by libcrypto's SHA-256 (FIPS 180-4, RFC 2104).
enum SHA256 {
  static let digestLength = 32
  private static let blockLength = 64

  /// Looked up once: libcrypto's one-call functions search its providers each time, which takes longer than to hash a
  /// short text. `nil` has libcrypto say so where it is used.
  private nonisolated(unsafe) static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)

  static func hash(_ data: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: digestLength) { digest, count in
      guard EVP_Digest(data, data.count, digest.baseAddress, nil, algorithm, nil) == 1 else {
        fatalError("libcrypto has no SHA-256")
      }
      count = digestLength
    }
  }

  static func hmac(_ data: some Collection<UInt8>, key: [UInt8]) -> [UInt8] {
    let key = key.count > blockLength ? hash(key) : key
    func padded(_ pad: UInt8) -> [UInt8] {
      key.map { $0 ^ pad } + [UInt8](repeating: pad, count: blockLength - key.count)
    }
    return hash(padded(0x5C) + hash(padded(0x36) + data))
  }
}

extension [UInt8] {
  /// The bytes as lower-case hexadecimal digits.
  var hex: String {
    String(unsafeUninitializedCapacity: count * 2) { buffer in
      var index = 0
      for byte in self {
        buffer[index] = hexDigit(byte >> 4, lowercase: true)
        buffer[index + 1] = hexDigit(byte & 0xF, lowercase: true)
        index += 2
      }
      return index
    }
  }
}

/// The ASCII digit of a value below 16.
func hexDigit(_ value: UInt8, lowercase: Bool) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : (lowercase ? UInt8(ascii: "a") : UInt8(ascii: "A")) + value - 10
}
