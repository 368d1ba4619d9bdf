import AWS
import Handlers
import Log
import RuntimeClient

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What `bootstrap` does, from its arguments to its exit code.
struct Program: Sendable {
  let arguments: [String]
  let environment: [String: String]

  /// Runs to the end and gives the exit code.
  func run() async -> Int32 {
    do {
      switch try Arguments(arguments, environment: environment) {
      case .help: write(Arguments.usage, to: STDOUT_FILENO)
      case .version: write(RuntimeClient.userAgent.replacing("/", with: " "), to: STDOUT_FILENO)
      case .serve: try await serve()
      case .invoke(let route, let path): write(try await invoke(route, path), to: STDOUT_FILENO)
      }
      return 0
    } catch let error as ExitError {
      write("bootstrap: \(error.message)", to: STDERR_FILENO)
      return error.code.rawValue
    } catch {
      return ExitError.Code.failure.rawValue
    }
  }

  // MARK: - Within Lambda

  /// Serves invocations until the sandbox shuts down.
  ///
  /// - Throws: after the reason was logged.
  private func serve() async throws {
    let logger = Logger(environment: environment)
    do {
      // What may be wrong with the number is told below, when there is somebody to tell.
      let transport = RuntimeClient.transport(connections: (try? maximumConcurrency) ?? 1)
      let client = try RuntimeClient(
        address: environment["AWS_LAMBDA_RUNTIME_API"] ?? "", transport: transport,
        function: LambdaFunction(environment: environment), logger: logger)
      let (application, concurrency) = try await initialize(client, logger)
      let runtime = Runtime(client: client, logger: logger, maximumConcurrency: concurrency) { payload, context in
        try await application.handle(payload, deadline: context.deadline, logger: context.logger)
      }
      try await runtime.run()
    } catch {
      logger.fatal("The process ends.", error: error)
      throw error
    }
  }

  /// Wires the chat, or tells Lambda why that failed.
  private func initialize(_ client: RuntimeClient, _ logger: Logger) async throws -> (Application, concurrency: Int) {
    do {
      return (try Application(handler: environment["_HANDLER"] ?? "", environment: environment), try maximumConcurrency)
    } catch {
      do {
        try await client.failInit(with: FunctionError(type: "Runtime.ConfigurationError", message: "\(error)"))
      } catch {
        logger.error("Lambda did not take the report of the failed initialization.", error: error)
      }
      throw error
    }
  }

  private var maximumConcurrency: Int {
    get throws(ConfigurationError) {
      guard let text = environment["AWS_LAMBDA_MAX_CONCURRENCY"] else { return 1 }
      guard let value = Int(text), value > 0 else {
        throw ConfigurationError("AWS_LAMBDA_MAX_CONCURRENCY is \(text.debugDescription), which is no number above 0.")
      }
      return value
    }
  }

  // MARK: - Outside Lambda

  /// The time of one event outside Lambda: what API Gateway waits for an integration at most.
  private static let invokeTime: TimeInterval = 29

  private func invoke(_ route: Application.Route, _ path: String) async throws(ExitError) -> String {
    let payload = try event(path)
    let application: Application
    do {
      application = try Application(handler: route.rawValue, environment: environment)
    } catch {
      throw ExitError(.configuration, "\(error)")
    }
    do {
      let response = try await application.handle(
        payload, deadline: Date(timeIntervalSinceNow: Self.invokeTime), logger: Logger(environment: environment))
      return String(decoding: response, as: UTF8.self)
    } catch {
      throw ExitError(.failure, "\(error)")
    }
  }

  private func event(_ path: String) throws(ExitError) -> [UInt8] {
    let bytes = try contents(of: path)
    guard JSONText.isValid(bytes) else {
      throw ExitError(.dataError, "\(path == "-" ? "standard input" : path) is not JSON.")
    }
    return bytes
  }

  private func contents(of path: String) throws(ExitError) -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY)
    defer { if descriptor > STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      // A descriptor that could not be opened fails here too, with the reason still in errno.
      let count = descriptor < 0 ? -1 : read(descriptor, &chunk, chunk.count)
      guard count >= 0 else {
        let name = path == "-" ? "Standard input" : path
        throw ExitError(.noInput, "\(name) cannot be read: \(String(cString: strerror(errno))).")
      }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
    }
  }

  private func write(_ line: String, to descriptor: Int32) {
    writeWhole(Array((line + "\n").utf8), to: descriptor)
  }
}
