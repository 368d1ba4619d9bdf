import CCrypto

/// The two primitives of Signature Version 4, by libcrypto (FIPS 180-4, RFC 2104).
enum SHA256 {
  static let digestLength = 32

  static func hash(_ data: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: digestLength) { digest, count in
      _ = CCrypto.SHA256(data, data.count, digest.baseAddress)
      count = digestLength
    }
  }

  static func hmac(_ data: some Collection<UInt8>, key: [UInt8]) -> [UInt8] {
    let data = Array(data)
    return [UInt8](unsafeUninitializedCapacity: digestLength) { digest, count in
      _ = HMAC(EVP_sha256(), key, Int32(key.count), data, data.count, digest.baseAddress, nil)
      count = digestLength
    }
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
