import Foundation
import TestServers
import TestSupport
import Testing

/// `bootstrap` with a log reader that is closed or stuck, or a log descriptor that is not open.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct LogReaderTests {
  /// Events that are not JSON: each leaves a line in the log.
  private func emulator(_ count: Int) throws -> RuntimeAPIEmulator {
    try RuntimeAPIEmulator((0..<count).map { .init("id-\($0)", "{", timeout: 3) })
  }

  @Test("A closed reader does not end the process")
  func gone() async throws {
    let emulator = try emulator(5)
    let process = try BootstrapProcess(serving: emulator)
    process.closeErrors()
    #expect(await emulator.answers(count: 5).count == 5)
    process.send(SIGTERM)
    #expect(try await process.result().code == 0)
  }

  @Test("A stuck reader delays no answer, and later reads how many lines were dropped")
  func stuck() async throws {
    // Each line has about 170 bytes, and the pipe holds 65,536.
    let emulator = try emulator(1000)
    let process = try BootstrapProcess(serving: emulator)
    #expect(await emulator.answers(count: 1000, within: .seconds(300)).count == 1000)
    async let result = process.result()
    try await Task.sleep(for: .milliseconds(300))
    emulator.serve(.init("last", "{"))
    _ = await emulator.answers(count: 1001)
    process.send(SIGTERM)
    let lines = try await result.errors.split(separator: "\n")
    #expect(lines.contains { $0.contains("WARN\tLog lines were dropped") })
    #expect(lines.last?.contains("\tlast\tERROR\t") == true)
  }

  @Test("A telemetry descriptor that is not open leaves the log on standard error", arguments: ["999", "-1", "x", ""])
  func noTelemetry(descriptor: String) async throws {
    let emulator = try emulator(1)
    let process = try BootstrapProcess(serving: emulator, ["_LAMBDA_TELEMETRY_LOG_FD": descriptor])
    _ = await emulator.answers(count: 1)
    process.send(SIGTERM)
    #expect(try await process.result().errors.contains("\tid-0\tERROR\t"))
  }
}
