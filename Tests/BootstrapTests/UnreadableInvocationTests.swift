import Foundation
import TestServers
import TestSupport
import Testing

/// `bootstrap` and answers to `next` that a strict HTTP client does not expect.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct UnreadableInvocationTests {
  private static let event = #"{"requestContext":{"connectionId":"a="}}"#
  private static let id = "Lambda-Runtime-Aws-Request-Id: a\r\n"

  /// An answer to `next`, byte for byte.
  private static func answer(_ fields: String, body: String? = nil) -> [UInt8] {
    let framing = body == nil ? "Content-Length: \(event.utf8.count)\r\n\r\n\(event)" : body ?? ""
    return Array("HTTP/1.1 200 OK\r\nLambda-Runtime-Deadline-Ms: 99999999999999\r\n\(fields)\(framing)".utf8)
  }

  private static let trailer =
    "Transfer-Encoding: chunked\r\n\r\n\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n0\r\nX-T: a\r\n\r\n"

  /// Answers the first `next`, and gives nothing to the others.
  private func emulator(_ answer: [UInt8]) throws -> RuntimeAPIEmulator {
    try RuntimeAPIEmulator { call, ordinal in
      switch call {
      case .next where ordinal == 1: Reply(0, raw: answer)
      case .response, .error: RuntimeAPIEmulator.accepted
      default: nil
      }
    }
  }

  private func expectEnd(_ answer: [UInt8]) async throws {
    let emulator = try emulator(answer)
    let result = try await BootstrapProcess(serving: emulator).result()
    #expect(result.code == 1)
    #expect(
      result.errors.split(separator: "\n").last?.contains("\tFATAL\tThe process ends") == true, "\(result.errors)")
    #expect(emulator.calls == [.next])
  }

  @Test(
    "Without a request id the process ends at once with a reason",
    arguments: ["", "Lambda-Runtime-Aws-Request-Id: \r\n"])
  func noRequestID(fields: String) async throws {
    try await expectEnd(Self.answer(fields))
  }

  @Test("White space around a field's value is not a part of it", arguments: ["a ", "a\t ", "\t a"])
  func blanks(value: String) async throws {
    let emulator = try emulator(Self.answer("Lambda-Runtime-Aws-Request-Id: \(value)\r\n"))
    let process = try BootstrapProcess(serving: emulator)
    #expect(await emulator.calls(count: 2).dropFirst().first == .response("a"))
    process.send(SIGTERM)
    _ = try await process.result()
  }

  private static let odd: [[UInt8]] = [
    answer("Lambda-Runtime-Aws-Request-Id:a\r\n"), answer(id + "X-A:b\r\n"),
    Array(answer(id).prefix(17)) + Array("X-A: ".utf8) + [0xFF, 0xFE, 0x0D, 0x0A] + Array(answer(id).dropFirst(17)),
    answer(id, body: trailer),
  ]

  #if Lean
    @Test("A field without a space, one that is not UTF-8, and a trailer are read", arguments: odd)
    func reads(answer: [UInt8]) async throws {
      let emulator = try emulator(answer)
      let process = try BootstrapProcess(serving: emulator)
      #expect(await emulator.calls(count: 2).dropFirst().first == .response("a"))
      process.send(SIGTERM)
      _ = try await process.result()
    }
  #elseif os(Linux)
    @Test("An answer that FoundationNetworking cannot parse ends the process at once with a reason", arguments: odd)
    func ends(answer: [UInt8]) async throws {
      try await expectEnd(answer)
    }

    @Test(
      "A connection that is closed inside the header block ends the process with a reason", arguments: [18, 40, 80])
    func closedInHeaders(count: Int) async throws {
      try await expectEnd(Array(Self.answer(Self.id).prefix(count)))
    }
  #endif
}
