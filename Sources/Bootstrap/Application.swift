import AWS
import HTTP
import Handlers
import Log
import WebSocketAPI

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The chat wired up: one transport, one AWS configuration, one table, three handlers.
struct Application: Sendable {
  /// The handler of an event.
  enum Route: String, CaseIterable {
    case connect, disconnect, message

    /// Returns the route that `_HANDLER` names before its first dot.
    init?(handler: String) {
      self.init(rawValue: String(handler.prefix { $0 != "." }))
    }

    /// Returns the route of an event's type, so that one function can serve all three routes.
    init?(eventType: String?) {
      switch eventType {
      case "CONNECT": self = .connect
      case "DISCONNECT": self = .disconnect
      case "MESSAGE": self = .message
      default: return nil
      }
    }
  }

  private let route: Route?
  private let connect: ConnectHandler
  private let disconnect: DisconnectHandler
  private let message: MessageHandler

  /// Wires the chat.
  ///
  /// - Parameter handler: `_HANDLER`; one that names no route leaves the choice to each event.
  /// - Throws: `ConfigurationError`, which names the variable and what to do.
  init(handler: String, environment: [String: String]) throws(ConfigurationError) {
    let chat = try ChatConfiguration(environment: environment)
    let transport = CurlTransport(certificateAuthorities: try Self.certificateAuthorities(Environment(environment)))
    let configuration = try AWSConfiguration(environment: environment, transport: transport)
    let store = DynamoDBConnectionStore(try DynamoDB(configuration), table: chat.table)
    route = Route(handler: handler)
    connect = ConnectHandler(store: store)
    disconnect = DisconnectHandler(store: store)
    // Only Lambda extracts metrics from the log.
    let metrics = environment["AWS_LAMBDA_FUNCTION_NAME"].map { Metrics(namespace: "Chat", functionName: $0) }
    message = MessageHandler(
      store: store, concurrency: chat.broadcastConcurrency, metrics: metrics
    ) { event in
      try APIGatewayConnectionGateway(configuration, for: event)
    }
  }

  /// The file that `AWS_CA_BUNDLE` names, as for every AWS SDK.
  private static func certificateAuthorities(_ environment: Environment) throws(ConfigurationError) -> String? {
    guard let path = try environment.value("AWS_CA_BUNDLE", allowsSpaces: true) else { return nil }
    guard FileManager.default.isReadableFile(atPath: path) else {
      throw ConfigurationError("AWS_CA_BUNDLE is \(path.debugDescription), which cannot be read.")
    }
    return path
  }

  /// Handles one event: its JSON in, the response's JSON out.
  ///
  /// - Throws: `InvalidEvent` for an event that is not one of a WebSocket API.
  func handle(_ payload: [UInt8], logger: Logger) async throws -> [UInt8] {
    let event = try WebSocketEvent(json: payload)
    let eventType = event.requestContext.eventType
    let response =
      switch route ?? Route(eventType: eventType) {
      case .connect: await connect.handle(event, logger: logger)
      case .disconnect: await disconnect.handle(event, logger: logger)
      case .message: await message.handle(event, logger: logger)
      case nil:
        throw InvalidEvent(
          "No handler for the event: requestContext.eventType is \(eventType?.debugDescription ?? "missing"), and the "
            + "function's handler (_HANDLER) is none of connect, disconnect, message.")
      }
    return try response.json()
  }
}
