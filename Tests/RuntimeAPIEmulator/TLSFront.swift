import Foundation

/// TLS before a `LoopbackServer`, with a certificate made for it: a process of Python's. Connections reach the server
/// once their handshake is through, requests once they are decrypted.
public final class TLSFront: Sendable {
  /// The host name that every front is reached by.
  public static let host = "localhost"

  /// Why a front could not be started; what Python says stands in the log.
  struct Failure: Error {}

  /// The origin, as URLs have it.
  public let origin: String
  /// The path of the authority that issued the certificate.
  public let authorities: String

  private let process: Process
  private let input: Pipe

  /// Starts a front.
  ///
  /// - Parameters:
  ///   - name: the host name in the certificate.
  ///   - isExpired: whether the certificate's time is over.
  ///   - version: the one version of TLS to speak, `nil` for those of today.
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
