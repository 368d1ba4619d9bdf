import Foundation

/// A process of the executable, and what it works on.
final class Sandbox {
  let number: Int
  let function: Configuration.Function
  let process = Process()
  /// The poll of `next` that waits for an event.
  var poll: (peer: Int, generation: Int)?
  var invocation: Invocation?
  /// Whether it asked for its first event.
  var isReady = false
  private(set) var peakKilobytes = 0

  init(number: Int, function: Configuration.Function) {
    self.number = number
    self.function = function
  }

  func start(_ configuration: Configuration, runtimePort: UInt16, servicesPort: UInt16) throws {
    var environment = configuration.environment
    environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:\(runtimePort)"
    environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:\(servicesPort)"
    environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] = "http://127.0.0.1:\(servicesPort)/prod"
    environment["_HANDLER"] = function.handler
    environment["AWS_LAMBDA_FUNCTION_NAME"] = function.name
    process.executableURL = URL(fileURLWithPath: configuration.executable)
    process.environment = environment
    let log = URL(fileURLWithPath: configuration.logs).appendingPathComponent("\(function.name).log")
    // Processes of one function append to the same file.
    let descriptor = open(log.path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    guard descriptor >= 0 else { throw SystemError("open") }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    process.standardOutput = handle
    process.standardError = handle
    process.standardInput = FileHandle.nullDevice
    try process.run()
    try handle.close()
  }

  /// Reads the peak of the process's memory. Linux only; 0 elsewhere.
  func sampleMemory() {
    let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }) else { return }
    peakKilobytes = max(peakKilobytes, line.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0)
  }

  func kill() {
    sampleMemory()
    if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
  }
}

/// One event of a function, and its attempts.
final class Invocation {
  typealias Completion = (_ result: Result) -> Void

  enum Result {
    case response([UInt8])
    case error([UInt8])
    /// The process died or ran out of time.
    case lost
  }

  let id: String
  let payload: [UInt8]
  /// `nil` for an asynchronous event.
  let completion: Completion?
  var attempts = 0

  init(id: String, payload: [UInt8], completion: Completion?) {
    self.id = id
    self.payload = payload
    self.completion = completion
  }
}
