/// The mode that the command line asks for.
enum Arguments: Equatable {
  case help
  case version
  /// Within Lambda: serve invocations.
  case lambda
  /// Outside: handle one event. The path is `-` for standard input.
  case invoke(handler: String?, eventPath: String)
  /// Outside: serve Lambda's Invoke operation on a loopback port; port 0 chooses a free port.
  case serve(handler: String?, port: UInt16)

  /// The default port of `--serve`.
  static let defaultPort: UInt16 = 9000

  /// - Throws: `ExitError` of code 64.
  init(_ arguments: [String], environment: [String: String], command: Lambda.Command) throws(ExitError) {
    if arguments.contains("--help") || arguments.contains("-h") {
      self = .help
    } else if arguments == ["--version"] {
      self = .version
    } else if environment["AWS_LAMBDA_RUNTIME_API"] != nil {
      self = .lambda
    } else if let serve = try Self.serve(arguments, command) {
      self = serve
    } else {
      let (handler, rest) = try Self.handler(arguments, command)
      guard rest.count == 1, let path = rest.first, path == "-" || !path.hasPrefix("-") else {
        throw Self.wrongUse(command)
      }
      self = .invoke(handler: handler, eventPath: path)
    }
  }

  /// Returns the mode of `[HANDLER] --serve [PORT]`; `nil` if `--serve` is not given.
  private static func serve(
    _ arguments: [String], _ command: Lambda.Command
  ) throws(ExitError) -> Arguments? {
    let handler = arguments.first.flatMap { command.handlers.contains($0) ? $0 : nil }
    let rest = arguments.dropFirst(handler == nil ? 0 : 1)
    guard rest.first == "--serve" else { return nil }
    switch rest.count {
    case 1: return .serve(handler: handler, port: defaultPort)
    case 2:
      guard let text = rest.last, let port = UInt16(text) else {
        throw ExitError(.usage, "\((rest.last ?? "").debugDescription) is not a port: use 0 to 65535.")
      }
      return .serve(handler: handler, port: port)
    default: throw ExitError(.usage, "--serve takes a port only (see --help).")
    }
  }

  /// Splits the name of a handler from the arguments, if the command has handlers.
  private static func handler(
    _ arguments: [String], _ command: Lambda.Command
  ) throws(ExitError) -> (String?, ArraySlice<String>) {
    guard !command.handlers.isEmpty else { return (nil, arguments[...]) }
    guard let name = arguments.first, arguments.count > 1 else { throw wrongUse(command) }
    guard command.handlers.contains(name) else {
      let names = "\(command.handlers.dropLast().joined(separator: ", ")) or \(command.handlers.last ?? "")"
      throw ExitError(.usage, "\(name.debugDescription) is not a handler: use \(names).")
    }
    return (name, arguments.dropFirst())
  }

  private static func wrongUse(_ command: Lambda.Command) -> ExitError {
    let (needs, form) =
      command.handlers.isEmpty ? ("An event file is", "") : ("A handler and an event file are", "HANDLER ")
    return ExitError(.usage, "\(needs) needed: \(command.name) \(form)EVENT.json (see --help).")
  }
}
