import EventLoop

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  // The C library declares `stdout` as a variable.
  @preconcurrency import Glibc
#else
  @preconcurrency import Musl
#endif

/// A Lambda function from `main` to the end of the process, in one call of `run`.
///
/// ```swift
/// @main struct Shop {
///   static func main() {
///     Lambda.run { (order: Order, context: InvocationContext) in Receipt(total: order.price * 1.2) }
///   }
/// }
/// ```
///
/// Within Lambda (`AWS_LAMBDA_RUNTIME_API` is set), the process serves the function's invocations. Otherwise it serves a
/// developer: `shop event.json` prints the response to one event. See `shop --help`.
///
/// An error that a handler throws is the function's error: a `FunctionError` as it is, any other by its type and
/// description. Handlers run on one thread, the main one, and must not block it.
///
/// Each form takes an optional `setUp`, which runs once before the first invocation, and whose value is the handler's
/// third parameter. An error that it throws is reported as a failed initialization, and the process ends with exit code
/// 1 (78 outside Lambda).
public enum Lambda {
  /// Serves a function from JSON to JSON.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - decoder: Decodes each event. By default, events are decoded as by `JSONDecoder()`, most of them in half the
  ///     time. An event that is rejected is a `FunctionError` of type `Runtime.UnmarshalError`, which names the coding path
  ///     and nothing from the event.
  ///   - encoder: Encodes each response. By default, responses are encoded as by `JSONEncoder()`, with slashes unescaped.
  ///   - handler: The function. Throws to report an error to the function's caller.
  @_alwaysEmitIntoClient
  public static func run<Event: Decodable & SendableMetatype, Response: Encodable & SendableMetatype>(
    _ command: Command = Command(), decoder: JSONDecoder? = nil, encoder: JSONEncoder? = nil,
    handler: @escaping @Sendable (Event, InvocationContext) async throws -> Response
  ) -> Never {
    serve(command) { .buffered(codable(decoder, encoder, handler)) }
  }

  /// Serves a function from JSON to JSON, with a value that is set up once.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - decoder: Decodes each event; see `run(_:decoder:encoder:handler:)`.
  ///   - encoder: Encodes each response.
  ///   - setUp: Returns the value. Throws if the function cannot be initialized.
  ///   - handler: The function.
  @_alwaysEmitIntoClient
  public static func run<Event: Decodable & SendableMetatype, Response: Encodable & SendableMetatype, State: Sendable>(
    _ command: Command = Command(), decoder: JSONDecoder? = nil, encoder: JSONEncoder? = nil,
    setUp: @escaping @Sendable () async throws -> State,
    handler: @escaping @Sendable (Event, InvocationContext, State) async throws -> Response
  ) -> Never {
    serve(command) {
      let state = try await setUp()
      return .buffered(codable(decoder, encoder) { try await handler($0, $1, state) })
    }
  }

  /// Serves a function that decodes a JSON event and returns no value; the response is `null`.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - decoder: Decodes each event; see `run(_:decoder:encoder:handler:)`.
  ///   - handler: The function.
  @_alwaysEmitIntoClient public static func run<Event: Decodable & SendableMetatype>(
    _ command: Command = Command(), decoder: JSONDecoder? = nil,
    handler: @escaping @Sendable (Event, InvocationContext) async throws -> Void
  ) -> Never {
    serve(command) { .buffered(codable(decoder, handler)) }
  }

  /// Serves a function that decodes a JSON event and returns no value, with a value that is set up once; the response
  /// is `null`.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - decoder: Decodes each event; see `run(_:decoder:encoder:handler:)`.
  ///   - setUp: Returns the value. Throws if the function cannot be initialized.
  ///   - handler: The function.
  @_alwaysEmitIntoClient public static func run<Event: Decodable & SendableMetatype, State: Sendable>(
    _ command: Command = Command(), decoder: JSONDecoder? = nil,
    setUp: @escaping @Sendable () async throws -> State,
    handler: @escaping @Sendable (Event, InvocationContext, State) async throws -> Void
  ) -> Never {
    serve(command) {
      let state = try await setUp()
      return .buffered(codable(decoder) { try await handler($0, $1, state) })
    }
  }

  /// Serves a function from an event's bytes to the response's bytes, at most 6,291,556. Both are JSON.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - handler: The function. The bytes are not decoded, even where they are a JSON array of numbers.
  public static func run(_ command: Command = Command(), handler: @escaping Runtime.Handler) -> Never {
    serve(command) { .buffered(handler) }
  }

  /// Serves a function from an event's bytes to the response's bytes, with a value that is set up once.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - setUp: Returns the value. Throws if the function cannot be initialized.
  ///   - handler: The function.
  public static func run<State: Sendable>(
    _ command: Command = Command(), setUp: @escaping @Sendable () async throws -> State,
    handler: @escaping @Sendable (_ payload: [UInt8], InvocationContext, State) async throws -> [UInt8]
  ) -> Never {
    serve(command) {
      let state = try await setUp()
      return .buffered { try await handler($0, $1, state) }
    }
  }

  /// Runs the program and ends the process.
  @usableFromInline static func serve(
    _ command: Command, _ makeHandler: @escaping @Sendable () async throws -> FunctionHandler
  ) -> Never {
    // What a handler prints must reach the log with its invocation, although standard output is a pipe.
    setvbuf(stdout, nil, Int32(_IOLBF), 0)
    let program = Program(
      command: command, arguments: Array(CommandLine.arguments.dropFirst()),
      environment: ProcessEnvironment.variables(), makeHandler: makeHandler)
    // Lambda announces the end of a sandbox by SIGTERM.
    let code = EventLoop().run(cancelledBy: SIGTERM) { await program.run() }
    fflush(stdout)
    // Not exit(): its handlers would tear down libraries that URLSession's threads still use.
    _exit(code)
  }
}
