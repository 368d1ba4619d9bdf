import Foundation
import HTTP
import Log
import RuntimeClient
import Synchronization
import TestServers
import Testing

/// A `Runtime` on an emulator, with what it logged.
final class RuntimeHarness: Sendable {
  let emulator: RuntimeAPIEmulator
  private let lines: Lines
  private let task: Task<Void, any Error>

  final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func append(_ line: String) { lines.withLock { $0.append(line) } }
  }

  /// Every log line so far.
  var log: [String] { lines.all }

  convenience init(
    _ emulator: RuntimeAPIEmulator, concurrency: Int = 1, function: [String: String] = [:],
    handler: @escaping Runtime.Handler = { payload, _ in payload }
  ) throws {
    try self.init(emulator, function) {
      Runtime(client: $0, logger: $1, maximumConcurrency: concurrency, handler: handler)
    }
  }

  /// Creates a harness whose runtime runs a streaming handler.
  convenience init(
    _ emulator: RuntimeAPIEmulator, concurrency: Int = 1, streaming handler: @escaping Runtime.StreamingHandler
  ) throws {
    try self.init(emulator, [:]) {
      Runtime(client: $0, logger: $1, maximumConcurrency: concurrency, streaming: handler)
    }
  }

  private init(
    _ emulator: RuntimeAPIEmulator, _ function: [String: String], _ makeRuntime: (RuntimeAPIClient, Logger) -> Runtime
  ) throws {
    self.emulator = emulator
    let lines = Lines()
    self.lines = lines
    let logger = Logger(level: .trace, sink: .function { lines.append($0) })
    let client = try RuntimeAPIClient(
      address: emulator.address, transports: RuntimeAPITransports(connections: 64),
      function: LambdaFunction(environment: function), logger: logger)
    let runtime = makeRuntime(client, logger)
    task = Task { try await runtime.run() }
  }

  /// Asks the runtime to end, as SIGTERM does.
  func shutDown() { task.cancel() }

  /// Waits for the runtime's end.
  func finish() async throws { try await task.value }
}

extension RuntimeAPIEmulator.Answer {
  /// The documented error body.
  func error() throws -> ErrorBody { try JSONDecoder().decode(ErrorBody.self, from: Data(request.body)) }
}

struct ErrorBody: Decodable {
  let errorMessage: String
  let errorType: String
  let stackTrace: [String]
}
