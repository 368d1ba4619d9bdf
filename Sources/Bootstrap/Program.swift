import AWS
import EventLoop
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

/// The program, from its arguments to its exit code.
struct Program: Sendable {
  let arguments: [String]
  let environment: [String: String]

  /// Runs the program and returns the exit code.
  func run() async -> Int32 {
    do {
      switch try Arguments(arguments, environment: environment) {
      case .help: try print(Arguments.usage)
      case .version: try print(RuntimeAPIClient.userAgent.replacing("/", with: " "))
      case .serve: try await serve()
      case .invoke(let route, let path): try print(try await invoke(route, path))
      }
      return 0
    } catch let error as ExitError {
      writeWhole(Array("bootstrap: \(error.message)\n".utf8), to: STDERR_FILENO)
      return error.code.rawValue
    } catch {
      return ExitError.Code.failure.rawValue
    }
  }

  // MARK: - Within Lambda

  /// Serves invocations until the sandbox shuts down.
  ///
  /// - Throws: An error that is already logged.
  private func serve() async throws {
    let logger = Logger(environment: environment)
    do {
      // An invalid number is reported by `initialize`, which has a client to report it with.
      let transports = RuntimeAPITransports(connections: (try? maximumConcurrency) ?? 1)
      let client = try RuntimeAPIClient(
        address: environment["AWS_LAMBDA_RUNTIME_API"] ?? "", transports: transports,
        function: LambdaFunction(environment: environment), logger: logger)
      let (application, concurrency) = try await initialize(client, logger)
      let runtime = Runtime(client: client, logger: logger, maximumConcurrency: concurrency) { payload, context in
        try await application.handle(payload, logger: context.logger)
      }
      try await runtime.run()
    } catch {
      logger.fatal("The process ends.", error: error)
      throw error
    }
  }

  /// Creates the application, or reports to Lambda why it cannot be created.
  private func initialize(
    _ client: RuntimeAPIClient, _ logger: Logger
  ) async throws -> (Application, concurrency: Int) {
    do {
      return (try Application(handler: environment["_HANDLER"] ?? "", environment: environment), try maximumConcurrency)
    } catch {
      do {
        try await client.failInit(with: FunctionError(type: "Runtime.ConfigurationError", message: "\(error)"))
      } catch {
        logger.error("The report of the failed initialization was not accepted.", error: error)
      }
      throw error
    }
  }

  private var maximumConcurrency: Int {
    get throws(ConfigurationError) {
      guard let text = environment["AWS_LAMBDA_MAX_CONCURRENCY"] else { return 1 }
      guard let value = Int(text), value > 0 else {
        throw ConfigurationError(
          "AWS_LAMBDA_MAX_CONCURRENCY is \(text.debugDescription), which is not a positive integer.")
      }
      return value
    }
  }

  // MARK: - Outside Lambda

  /// The time for one event outside Lambda: API Gateway's limit for an integration.
  private static let invokeTime = Duration.seconds(29)

  private func invoke(_ route: Application.Route, _ path: String) async throws(ExitError) -> String {
    let payload = try EventFile(path).json()
    let application: Application
    do {
      application = try Application(handler: route.rawValue, environment: environment)
    } catch {
      throw ExitError(.configuration, "\(error)")
    }
    do {
      let response = try await Deadline.within(Self.invokeTime) {
        try await application.handle(payload, logger: Logger(environment: environment))
      }
      return String(decoding: response, as: UTF8.self)
    } catch {
      throw ExitError(.failure, "\(error)")
    }
  }

  private func print(_ line: String) throws(ExitError) {
    guard writeWhole(Array((line + "\n").utf8), to: STDOUT_FILENO) else {
      throw ExitError(.failure, "Standard output cannot be written: \(String(cString: strerror(errno))).")
    }
  }
}
