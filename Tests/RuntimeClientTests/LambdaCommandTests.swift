import Testing

@testable import RuntimeClient

/// The command line of a function's executable, without a process.
struct LambdaCommandTests {
  private let shop = Lambda.Command(name: "shop", summary: "Sells.")
  private let chat = Lambda.Command(name: "chat", handlers: ["connect", "message"])

  @Test("One argument is an event file; a command with handlers needs the handler first")
  func invoke() throws {
    #expect(
      try Arguments(["event.json"], environment: [:], command: shop) == .invoke(handler: nil, eventPath: "event.json"))
    #expect(try Arguments(["-"], environment: [:], command: shop) == .invoke(handler: nil, eventPath: "-"))
    #expect(
      try Arguments(["message", "a"], environment: [:], command: chat) == .invoke(handler: "message", eventPath: "a"))
  }

  @Test("Within Lambda the arguments are ignored")
  func lambda() throws {
    let environment = ["AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"]
    #expect(try Arguments([], environment: environment, command: shop) == .lambda)
    #expect(try Arguments(["connect", "a"], environment: environment, command: chat) == .lambda)
  }

  @Test("--serve takes a port, and a command with handlers takes one before it")
  func serve() throws {
    #expect(try Arguments(["--serve"], environment: [:], command: shop) == .serve(handler: nil, port: 9000))
    #expect(try Arguments(["--serve", "0"], environment: [:], command: shop) == .serve(handler: nil, port: 0))
    #expect(try Arguments(["--serve", "81"], environment: [:], command: chat) == .serve(handler: nil, port: 81))
    #expect(
      try Arguments(["message", "--serve"], environment: [:], command: chat) == .serve(handler: "message", port: 9000))
    for port in ["x", "-1", "65536", ""] {
      #expect(throws: ExitError(.usage, "\(port.debugDescription) is not a port: use 0 to 65535.")) {
        try Arguments(["--serve", port], environment: [:], command: shop)
      }
    }
  }

  @Test(
    "Wrong use is exit code 64 and names the form",
    arguments: [[], ["a", "b"], ["--unknown"], ["--version", "a"]])
  func wrongUse(arguments: [String]) {
    let error = ExitError(.usage, "An event file is needed: shop EVENT.json (see --help).")
    #expect(throws: error) { try Arguments(arguments, environment: [:], command: shop) }
  }

  @Test("A handler that the command does not have is named")
  func unknownHandler() {
    let error = ExitError(.usage, #""conect" is not a handler: use connect or message."#)
    #expect(throws: error) { try Arguments(["conect", "a"], environment: [:], command: chat) }
  }

  @Test("--help names the executable, its handlers and its summary")
  func help() {
    #expect(shop.usage.hasPrefix("usage: shop EVENT.json\n"))
    #expect(shop.usage.contains("\n\nSells.\n\n"))
    #expect(!shop.usage.contains("HANDLER"))
    #expect(chat.usage.hasPrefix("usage: chat HANDLER EVENT.json\n"))
    #expect(chat.usage.contains("\n  HANDLER     connect or message\n"))
  }
}
