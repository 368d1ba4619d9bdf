import EventLoop
import HTTP
import Log

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A function's program, from its arguments to its exit code.
struct Program: Sendable {
  let command: Lambda.Command
  let arguments: [String]
  let environment: [String: String]
  /// Initializes the function and returns its handler.
  let makeHandler: @Sendable () async throws -> FunctionHandler

  /// Runs the program and returns the exit code.
  func run() async -> Int32 {
    do {
      switch try Arguments(arguments, environment: environment, command: command) {
      case .help: try print(Array(command.usage.utf8))
      case .version: try print(Array(command.version.utf8))
      case .lambda: try await serveLambda()
      case .invoke(let handler, let path): try await invoke(handler, path)
      case .serve(let handler, let port): try await serve(handler, port)
      }
      return 0
    } catch let error as ExitError {
      writeWhole(Array("\(command.name): \(error.message)\n".utf8), to: STDERR_FILENO)
      return error.code.rawValue
    } catch {
      return ExitError.Code.failure.rawValue
    }
  }

  // MARK: - Within Lambda

  /// Serves invocations until the sandbox shuts down.
  ///
  /// - Throws: An error that is already logged.
  private func serveLambda() async throws {
    let logger = Logger(environment: environment)
    do {
      // An invalid number is reported by `initialize`, which has a client to report it with.
      let transports = RuntimeAPITransports(connections: (try? maximumConcurrency) ?? 1)
      let client = try RuntimeAPIClient(
        address: environment["AWS_LAMBDA_RUNTIME_API"] ?? "", transports: transports,
        function: LambdaFunction(environment: environment), logger: logger)
      guard let (handler, concurrency) = try await initialize(client, logger) else { return }
      let runtime = Runtime(
        client: client, logger: logger, maximumConcurrency: concurrency, handler: handler,
        watchdog: watchdog(of: client, concurrency, logger))
      try await runtime.run()
    } catch {
      let reason = FunctionError(error)
      logger.fatal(
        "The process ends.", ["errorType": .string(reason.type), "errorMessage": .string(reason.message)])
      throw error
    }
  }

  /// Initializes the function, or reports to Lambda why it cannot be initialized.
  ///
  /// - Returns: `nil` if the sandbox shuts down during the initialization.
  private func initialize(
    _ client: RuntimeAPIClient, _ logger: Logger
  ) async throws -> (FunctionHandler, concurrency: Int)? {
    do {
      return (try await makeHandler(), try maximumConcurrency)
    } catch {
      if Task.isCancelled { return nil }
      do {
        try await client.failInit(with: FunctionError(error))
      } catch {
        logger.error("The report of the failed initialization was not accepted.", error: error)
      }
      throw error
    }
  }

  /// Starts to watch this thread, the event loop's; if that is not possible, the process serves without a watchdog.
  private func watchdog(of client: RuntimeAPIClient, _ concurrency: Int, _ logger: Logger) -> Watchdog? {
    guard let loop = EventLoop.current,
      let watchdog = Watchdog(of: loop, concurrency: concurrency, address: client.address, logger: logger),
      watchdog.start()
    else {
      logger.debug("Handlers that block are not watched.")
      return nil
    }
    return watchdog
  }

  private var maximumConcurrency: Int {
    get throws(FunctionError) {
      guard let text = environment["AWS_LAMBDA_MAX_CONCURRENCY"] else { return 1 }
      guard let value = Int(text), value > 0 else {
        throw FunctionError(
          type: "Runtime.ConfigurationError",
          message: "AWS_LAMBDA_MAX_CONCURRENCY is \(text.debugDescription), which is not a positive integer.")
      }
      return value
    }
  }

  // MARK: - Outside Lambda

  private func invoke(_ name: String?, _ path: String) async throws(ExitError) {
    let payload = try EventFile(path).json()
    let function = try await localFunction(name)
    let context = function.context()
    let outcome = await function.invoke(payload, context) { [command] head, body in
      // What the handler printed comes first.
      fflush(nil)
      if case .http(let status, _, _) = head {
        writeWhole(Array("\(command.name): the response's status is \(status)\n".utf8), to: STDERR_FILENO)
      }
      body.deliver { writeWhole($0, to: STDOUT_FILENO) }
    }
    switch outcome {
    case .response(let response): try print(response)
    case .streamed(nil): try print([])
    case .streamed(let error?), .failure(let error):
      await function.finish(context)
      throw ExitError(.failure, error.message)
    }
    await function.finish(context)
  }

  /// Serves the Invoke operation until the process ends.
  private func serve(_ name: String?, _ port: UInt16) async throws(ExitError) {
    let server = try InvokeServer(port: port, function: try await localFunction(name))
    writeWhole(
      Array("\(command.name): serving http://127.0.0.1:\(server.port)\(InvokeAPI.path)\n".utf8), to: STDERR_FILENO)
    await server.run()
  }

  /// Initializes the function outside Lambda.
  ///
  /// - Parameter name: The handler, for `_HANDLER`.
  private func localFunction(_ name: String?) async throws(ExitError) -> LocalFunction {
    if let name { setenv("_HANDLER", name, 1) }
    do {
      return LocalFunction(
        function: LambdaFunction(environment: environment), timeout: command.timeout,
        logger: Logger(environment: environment), handler: try await makeHandler())
    } catch {
      throw ExitError(.configuration, FunctionError(error).message)
    }
  }

  private func print(_ line: [UInt8]) throws(ExitError) {
    // What the handler printed comes first.
    fflush(nil)
    guard writeWhole(line + [UInt8(ascii: "\n")], to: STDOUT_FILENO) else {
      throw ExitError(.failure, "Standard output cannot be written: \(String(cString: strerror(errno))).")
    }
  }
}
