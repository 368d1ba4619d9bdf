import Foundation
import Synchronization

/// A function's executable in a process of its own, on an emulated Runtime API.
///
/// The executable must be a product that the test target depends on, so that the build puts it beside the tests.
public final class FunctionProcess: Sendable {
  private let process = Process()
  private let errors = Pipe()
  private let lines = Mutex("")

  /// Starts an executable.
  ///
  /// - Parameters:
  ///   - product: The name of the executable product.
  ///   - emulator: The Runtime API that the function polls.
  ///   - environment: The variables of the function; `AWS_LAMBDA_RUNTIME_API` is added. Nothing is inherited.
  public init(_ product: String, on emulator: RuntimeAPIEmulator, environment: [String: String] = [:]) throws {
    let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    process.executableURL = folder.appendingPathComponent(product)
    process.environment = environment.merging(["AWS_LAMBDA_RUNTIME_API": emulator.address]) { _, address in address }
    process.standardError = errors
    errors.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let data = handle.availableData
      if data.isEmpty { handle.readabilityHandler = nil }
      self?.lines.withLock { $0 += String(decoding: data, as: UTF8.self) }
    }
    try process.run()
  }

  deinit { if process.isRunning { process.terminate() } }

  /// The log so far.
  public var log: String { lines.withLock { $0 } }

  /// Sends SIGTERM, as Lambda does at the end of a sandbox, and waits for the end of the process.
  ///
  /// - Returns: The exit code.
  public func stop() async -> Int32 {
    process.terminate()
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { [process] in
        process.waitUntilExit()
        continuation.resume()
      }
    }
    return process.terminationStatus
  }
}
