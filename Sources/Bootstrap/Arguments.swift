/// What the command line asks for.
enum Arguments: Equatable {
  case help
  case version
  /// Inside Lambda: serve invocations.
  case serve
  /// Outside: handle one event. The path is `-` for standard input.
  case invoke(Application.Route, eventPath: String)

  static let usage = """
    usage: bootstrap HANDLER EVENT.json
           bootstrap --help | --version

    Runs one event through a handler of the chat and prints the response.

      HANDLER     connect, disconnect or message
      EVENT.json  an event of an API Gateway WebSocket API; - reads standard input

    Reads TABLE_NAME, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_ENDPOINT_URL,
    AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI, AWS_CA_BUNDLE and BROADCAST_CONCURRENCY from the
    environment.
    Within AWS Lambda (AWS_LAMBDA_RUNTIME_API is set) it takes no arguments and serves the function's invocations.

    Exit codes: 0 a response was printed, 1 the handler or the Lambda sandbox failed, 64 wrong use, 65 the event is not
    JSON, 66 the event cannot be read, 78 the environment lacks something.
    """

  /// - Throws: `ExitError` of code 64.
  init(_ arguments: [String], environment: [String: String]) throws(ExitError) {
    switch arguments.count {
    case _ where arguments.contains("--help") || arguments.contains("-h"):
      self = .help
    case _ where arguments == ["--version"]:
      self = .version
    case _ where environment["AWS_LAMBDA_RUNTIME_API"] != nil:
      self = .serve
    case 2:
      guard let route = Application.Route(handler: arguments[0]) else {
        throw ExitError(.usage, "\(arguments[0].debugDescription) is no handler: use connect, disconnect or message.")
      }
      self = .invoke(route, eventPath: arguments[1])
    default:
      throw ExitError(.usage, "A handler and an event file are needed: bootstrap HANDLER EVENT.json (see --help).")
    }
  }
}

/// Why the program ends with a code other than 0.
struct ExitError: Error, Equatable {
  /// The codes of `sysexits.h`, and 1 for what has none.
  enum Code: Int32 {
    case failure = 1
    case usage = 64
    case dataError = 65
    case noInput = 66
    case configuration = 78
  }

  let code: Code
  /// One line for a person.
  let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
