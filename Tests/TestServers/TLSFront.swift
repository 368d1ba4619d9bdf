import Foundation

/// TLS in front of a `LoopbackServer`, with a certificate of its own: a Python process. Connections reach the server after
/// their handshake, and requests are decrypted.
public final class TLSFront: Sendable {
  /// The host name of every front.
  public static let host = "localhost"

  /// The front could not be started; Python's message is on standard error.
  struct Failure: Error {}

  /// The origin, such as `https://localhost:8443`.
  public let origin: String
  /// The path of a PEM file with the authority that issued the certificate.
  public let authorities: String

  private let process: Process
  private let input: Pipe

  /// Starts a front.
  ///
  /// - Parameters:
  ///   - name: the host name in the certificate.
  ///   - isExpired: whether the certificate has expired.
  ///   - version: the only TLS version to accept; `nil` for all current ones.
  public init(
    before server: LoopbackServer, name: String = host, isExpired: Bool = false, version: String? = nil
  ) throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("tls_front.py")
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-W", "ignore", script.path, "\(server.port)", name]
    if isExpired { process.arguments?.append("--expired") }
    if let version { process.arguments?.append(contentsOf: ["--version", version]) }
    let output = Pipe()
    input = Pipe()
    process.standardOutput = output
    process.standardInput = input
    try process.run()
    var line: [UInt8] = []
    while line.last != UInt8(ascii: "\n") {
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure() }
      line += more
    }
    let words = String(decoding: line, as: UTF8.self).split { $0.isWhitespace }
    guard words.count == 2 else { throw Failure() }
    origin = "https://\(Self.host):\(words[0])"
    authorities = String(words[1])
  }

  deinit { try? input.fileHandleForWriting.close() }
}
