import CCrypto
import Testing

@testable import JWT

/// Ed25519 keys whose points have an order that divides 8.
@Suite struct SmallOrderKeys {
  /// The canonical encodings of the eight points, and those of x = 0 with the sign set.
  static let all: [[UInt8]] = {
    let order8: [UInt8] = [
      0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5, 0xDF, 0xAC,
      0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
    ]
    let otherOrder8: [UInt8] = [
      0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A, 0x20, 0x53,
      0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
    ]
    let zeros = [UInt8](repeating: 0, count: 31)
    let keys = [
      [1] + zeros, [0xEC] + [UInt8](repeating: 0xFF, count: 30) + [0x7F], zeros + [0], order8, otherOrder8,
    ]
    return keys.flatMap { key in [key, key.dropLast() + [key[31] | 0x80]] }
  }()

  @Test("libcrypto accepts one signature for many messages under such a key, which is why they are refused")
  func forgery() throws {
    // R is the neutral element and S is 0: the signature verifies where the order divides the hash.
    let signature = [1] + [UInt8](repeating: 0, count: 63)
    var forged = 0
    for key in Self.all {
      let pointer = try #require(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, key, key.count))
      defer { EVP_PKEY_free(pointer) }
      let accepted = (0..<100).contains { number in
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        let message = Array("\(number)".utf8)
        return EVP_DigestVerifyInit(context, nil, nil, nil, pointer) == 1
          && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
      }
      if accepted { forged += 1 }
    }
    ERR_clear_error()
    // Whether a sign of x = 0 is accepted differs between implementations.
    #expect(forged >= 8)
  }
}
