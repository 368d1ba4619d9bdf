#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Streaming functions: the response is sent while the handler writes it. See `ResponseStream`.
extension Lambda {
  /// Serves a function from an event's bytes to a streamed response.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - handler: The function. The response ends when it returns.
  public static func run(_ command: Command = Command(), handler: @escaping Runtime.StreamingHandler) -> Never {
    serve(command) { .streaming(handler) }
  }

  /// Serves a function from an event's bytes to a streamed response, with a value that is set up once.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - setUp: Returns the value. Throws if the function cannot be initialized.
  ///   - handler: The function. The response ends when it returns.
  public static func run<State: Sendable>(
    _ command: Command = Command(), setUp: @escaping @Sendable () async throws -> State,
    handler: @escaping @Sendable ([UInt8], ResponseStream, InvocationContext, State) async throws -> Void
  ) -> Never {
    serve(command) {
      let state = try await setUp()
      return .streaming { try await handler($0, $1, $2, state) }
    }
  }

  /// Serves a function from JSON to a streamed response.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - decoder: Decodes each event; see `run(_:decoder:encoder:handler:)`.
  ///   - handler: The function. The response ends when it returns.
  @_alwaysEmitIntoClient public static func run<Event: Decodable & SendableMetatype>(
    _ command: Command = Command(), decoder: JSONDecoder? = nil,
    handler: @escaping @Sendable (Event, ResponseStream, InvocationContext) async throws -> Void
  ) -> Never {
    serve(command) { .streaming { try await handler(try decode($0, decoder), $1, $2) } }
  }

  /// Serves a function from JSON to a streamed response, with a value that is set up once.
  ///
  /// - Parameters:
  ///   - command: The executable's command line outside Lambda.
  ///   - decoder: Decodes each event; see `run(_:decoder:encoder:handler:)`.
  ///   - setUp: Returns the value. Throws if the function cannot be initialized.
  ///   - handler: The function. The response ends when it returns.
  @_alwaysEmitIntoClient public static func run<Event: Decodable & SendableMetatype, State: Sendable>(
    _ command: Command = Command(), decoder: JSONDecoder? = nil,
    setUp: @escaping @Sendable () async throws -> State,
    handler: @escaping @Sendable (Event, ResponseStream, InvocationContext, State) async throws -> Void
  ) -> Never {
    serve(command) {
      let state = try await setUp()
      return .streaming { try await handler(try decode($0, decoder), $1, $2, state) }
    }
  }
}
