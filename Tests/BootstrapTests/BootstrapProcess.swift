import Foundation
import TestServers
import Testing

/// The real executable, as a process of its own.
final class BootstrapProcess: Sendable {
  struct Result {
    let code: Int32
    let output: String
    let errors: String
  }

  /// The environment of a function of the chat.
  static let environment = [
    "TABLE_NAME": "Connections", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-test", "AWS_SESSION_TOKEN": "token-of-the-test",
  ]

  /// An event that needs DynamoDB and nothing else.
  static let connectEvent = #"{"requestContext":{"connectionId":"a=","eventType":"CONNECT"}}"#

  private let process = Process()
  private let output = Pipe()
  private let errors = Pipe()

  init(_ arguments: [String] = [], environment: [String: String], input: String? = nil) throws {
    // Beside the test bundle, where the build put both.
    let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    process.executableURL = folder.appendingPathComponent("bootstrap")
    process.arguments = arguments
    process.environment = environment
    process.standardOutput = output
    process.standardError = errors
    let standardInput = Pipe()
    process.standardInput = standardInput
    try process.run()
    if let input { try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
    try standardInput.fileHandleForWriting.close()
  }

  /// Starts it within Lambda, with these changes to its environment.
  convenience init(serving emulator: RuntimeAPIEmulator, _ changes: [String: String?] = [:]) throws {
    var environment = Self.environment
    environment["AWS_LAMBDA_RUNTIME_API"] = emulator.address
    environment["_HANDLER"] = "connect"
    for (name, value) in changes { environment[name] = value }
    try self.init(environment: environment)
  }

  /// Closes the reading end of the process's standard error.
  func closeErrors() { try? errors.fileHandleForReading.close() }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Reads standard output and standard error side by side, and waits for the end of the process.
  func result() async throws -> Result {
    async let output = contents(self.output)
    async let errors = contents(self.errors)
    let (outputText, errorText) = await (output, errors)
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { [process] in
        process.waitUntilExit()
        continuation.resume()
      }
    }
    return Result(code: process.terminationStatus, output: outputText, errors: errorText)
  }

  /// Reads a pipe to its end, on a thread of its own.
  private func contents(_ pipe: Pipe) async -> String {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let data = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
        continuation.resume(returning: String(decoding: data, as: UTF8.self))
      }
    }
  }
}
