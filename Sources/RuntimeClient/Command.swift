extension Lambda {
  /// The command line of a function's executable, outside Lambda.
  public struct Command: Sendable {
    /// The executable's name in messages.
    public var name: String
    /// The line that `--version` prints.
    public var version: String
    /// The description of the function in `--help`: one or more sentences.
    public var summary: String
    /// The handlers that `_HANDLER` can name, if one executable serves several functions. Outside Lambda the first
    /// argument is one of them, and `_HANDLER` is set to it before `setUp` runs.
    public var handlers: [String]
    /// The time that an invocation has outside Lambda.
    public var timeout: Duration

    /// Creates a command line.
    ///
    /// - Parameters:
    ///   - name: The executable's name in messages; by default the one by which it was started.
    ///   - version: The line that `--version` prints; by default the name and version of this library.
    ///   - summary: The description of the function in `--help`: one or more sentences.
    ///   - handlers: The values of `_HANDLER`, if the executable has several handlers.
    ///   - timeout: The time that an invocation has outside Lambda; by default 15 minutes, Lambda's maximum.
    public init(
      name: String? = nil, version: String? = nil, summary: String = "", handlers: [String] = [],
      timeout: Duration = .seconds(900)
    ) {
      let path = CommandLine.arguments.first ?? ""
      self.name = name ?? path.split(separator: "/").last.map(String.init) ?? "function"
      self.version = version ?? RuntimeAPIClient.userAgent.split(separator: "/").joined(separator: " ")
      self.summary = summary
      self.handlers = handlers
      self.timeout = timeout
    }
  }
}

extension Lambda.Command {
  /// The text of `--help`.
  var usage: String {
    let handler = handlers.isEmpty ? "" : "HANDLER "
    var usage = """
      usage: \(name) \(handler)EVENT.json
             \(name) \(handler.isEmpty ? "" : "[HANDLER] ")--serve [PORT]
             \(name) --help | --version

      Runs one event through the function and prints the response, or serves Lambda's Invoke operation.


      """
    if !handlers.isEmpty {
      usage += "  HANDLER     \(handlers.dropLast().joined(separator: ", ")) or \(handlers.last ?? "")\n"
    }
    usage += """
        EVENT.json  a JSON file; - reads standard input
        --serve     handles one event after the other on http://127.0.0.1:PORT, by default \(Arguments.defaultPort):
                    curl --data @EVENT.json 127.0.0.1:\(Arguments.defaultPort)\(InvokeAPI.path)
                    aws lambda invoke --endpoint-url http://127.0.0.1:\(Arguments.defaultPort) --function-name function \
      --payload fileb://EVENT.json response.json


      """
    if !summary.isEmpty { usage += summary + "\n\n" }
    return usage + """
      Within AWS Lambda (AWS_LAMBDA_RUNTIME_API is set) it takes no arguments and serves the function's invocations.

      Exit codes: 0 a response was printed, 1 the handler or the Lambda sandbox failed, 64 wrong use, 65 the event is not
      JSON, 66 the event cannot be read, 78 the function cannot be set up.
      """
  }
}
