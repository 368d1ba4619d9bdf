import Foundation
import JWT

/// A private key of the `openssl` command, which also signs with it: an implementation independent of the one under test.
package final class SigningKey: Sendable {
  package let algorithm: JWSAlgorithm
  /// The public key's members, without `kid`, `use` and `alg`.
  package let jwk: [String: String]
  private let file: URL

  /// Generates a key.
  ///
  /// - Parameter rsaBits: the size of an RSA key.
  package init(_ algorithm: JWSAlgorithm, rsaBits: Int = 2048) throws {
    self.algorithm = algorithm
    file = FileManager.default.temporaryDirectory.appendingPathComponent("jwt-tests-\(UUID().uuidString).pem")
    let arguments =
      switch algorithm {
      case .rs256, .rs384, .rs512, .ps256: ["RSA", "-pkeyopt", "rsa_keygen_bits:\(rsaBits)"]
      case .es256: ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
      case .es384: ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]
      case .edDSA, .ed25519: ["ED25519"]
      }
    _ = try Self.openssl(["genpkey", "-out", file.path, "-algorithm"] + arguments)
    let der = try Self.openssl(["pkey", "-in", file.path, "-pubout", "-outform", "DER"])
    switch algorithm {
    case .rs256, .rs384, .rs512, .ps256:
      let output = String(decoding: try Self.openssl(["rsa", "-in", file.path, "-noout", "-modulus"]), as: UTF8.self)
      let digits = output.trimmingCharacters(in: .whitespacesAndNewlines).dropFirst("Modulus=".count)
      jwk = ["kty": "RSA", "n": Self.bytes(hex: digits).base64URL, "e": "AQAB"]
    case .es256, .es384:
      let length = algorithm == .es256 ? 32 : 48
      let point = Array(der.suffix(2 * length))
      jwk = [
        "kty": "EC", "crv": algorithm == .es256 ? "P-256" : "P-384",
        "x": Array(point.prefix(length)).base64URL, "y": Array(point.suffix(length)).base64URL,
      ]
    case .edDSA, .ed25519: jwk = ["kty": "OKP", "crv": "Ed25519", "x": Array(der.suffix(32)).base64URL]
    }
  }

  deinit { try? FileManager.default.removeItem(at: file) }

  /// The public key as JSON.
  ///
  /// - Parameter members: members to add; `nil` removes one.
  package func json(_ members: [String: String?] = [:]) -> String {
    var jwk = jwk
    for (name, value) in members { jwk[name] = value }
    return "{" + jwk.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ",") + "}"
  }

  /// A token over a payload.
  ///
  /// - Parameter header: by default `alg` alone.
  package func token(header: String? = nil, payload: String) throws -> String {
    let header = header ?? #"{"alg":"\#(algorithm.rawValue)"}"#
    let input = "\(Array(header.utf8).base64URL).\(Array(payload.utf8).base64URL)"
    return "\(input).\(try sign(Array(input.utf8)).base64URL)"
  }

  /// A signature in the form of RFC 7518.
  package func sign(_ message: [UInt8]) throws -> [UInt8] {
    let input = file.appendingPathExtension(UUID().uuidString)
    try Data(message).write(to: input)
    defer { try? FileManager.default.removeItem(at: input) }
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
    switch algorithm {
    case .rs256: return try Self.openssl(["dgst", "-sha256", "-sign", file.path, input.path])
    case .rs384: return try Self.openssl(["dgst", "-sha384", "-sign", file.path, input.path])
    case .rs512: return try Self.openssl(["dgst", "-sha512", "-sign", file.path, input.path])
    case .ps256: return try Self.openssl(["dgst", "-sha256"] + pss + ["-sign", file.path, input.path])
    case .es256: return Self.raw(try Self.openssl(["dgst", "-sha256", "-sign", file.path, input.path]), 32)
    case .es384: return Self.raw(try Self.openssl(["dgst", "-sha384", "-sign", file.path, input.path]), 48)
    case .edDSA, .ed25519:
      return try Self.openssl(["pkeyutl", "-sign", "-rawin", "-inkey", file.path, "-in", input.path])
    }
  }

  /// The numbers r and s of an ECDSA-Sig-Value (RFC 3279), each padded to the same length.
  private static func raw(_ der: [UInt8], _ length: Int) -> [UInt8] {
    let r = Array(der[4..<4 + Int(der[3])])
    let s = Array(der[(4 + r.count + 2)...])
    return [r, s].flatMap { number in
      let digits = number.drop { $0 == 0 }
      return [UInt8](repeating: 0, count: length - digits.count) + digits
    }
  }

  private static func bytes(hex: Substring) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0 }
  }

  private static func openssl(_ arguments: [String]) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw OpenSSLFailure(arguments: arguments) }
    return [UInt8](data)
  }

  private struct OpenSSLFailure: Error {
    let arguments: [String]
  }
}

extension [UInt8] {
  /// The bytes in base64url without padding.
  package var base64URL: String {
    var text: [UInt8] = []
    for character in Data(self).base64EncodedData() {
      switch character {
      case UInt8(ascii: "+"): text.append(UInt8(ascii: "-"))
      case UInt8(ascii: "/"): text.append(UInt8(ascii: "_"))
      case UInt8(ascii: "="): break
      default: text.append(character)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
