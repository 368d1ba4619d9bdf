/// The mode that the command line asks for.
enum Arguments: Equatable {
  case help
  case version
  /// Within Lambda: serve invocations.
  case lambda
  /// Outside: handle one event. The path is `-` for standard input.
  case invoke(handler: String?, eventPath: String)

  /// - Throws: `ExitError` of code 64.
  init(_ arguments: [String], environment: [String: String], command: Lambda.Command) throws(ExitError) {
    if arguments.contains("--help") || arguments.contains("-h") {
      self = .help
    } else if arguments == ["--version"] {
      self = .version
    } else if environment["AWS_LAMBDA_RUNTIME_API"] != nil {
      self = .lambda
    } else {
      let (handler, rest) = try Self.handler(arguments, command)
      guard rest.count == 1, let path = rest.first, path == "-" || !path.hasPrefix("-") else {
        throw Self.wrongUse(command)
      }
      self = .invoke(handler: handler, eventPath: path)
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
