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

/// The chat wired up: one transport, one AWS configuration, two tables, a handler for each route.
struct Application: Sendable {
  private let route: Route?
  private let chat: Chat
  private let moderate: ModerateHandler?

  /// Wires the chat.
  ///
  /// - Parameter handler: `_HANDLER`. If it names no route, each event selects its route.
  /// - Throws: `ConfigurationError`, which names the variable and what to do.
  init(handler: String, environment: [String: String]) throws(ConfigurationError) {
    route = Route(handler: handler)
    let settings = try ChatConfiguration(environment: environment)
    let transport = CurlTransport(certificateAuthorities: try Self.certificateAuthorities(Environment(environment)))
    let configuration = try AWSConfiguration(environment: environment, transport: transport)
    let dynamoDB = try DynamoDB(configuration)
    let moderation = settings.moderationTable.map { DynamoDBModerationStore(dynamoDB, table: $0) }
    // Only Lambda extracts metrics from the log.
    let metrics = environment["AWS_LAMBDA_FUNCTION_NAME"].map { Metrics(namespace: "Chat", functionName: $0) }
    chat = Chat(
      connections: DynamoDBConnectionStore(dynamoDB, table: settings.table),
      messages: try Self.messages(settings, dynamoDB, route), moderation: moderation,
      rules: ChatRules(
        signIn: settings.tokens?.signIn(transport), origins: settings.origins,
        connectionsPerUser: settings.connectionsPerUser, messageLimit: settings.messageLimit),
      concurrency: settings.broadcastConcurrency, presenceLimit: settings.presenceLimit, metrics: metrics
    ) { event in
      try APIGatewayConnectionGateway(configuration, for: event)
    }
    moderate = route == .moderate ? try Self.moderate(chat, moderation, configuration, settings) : nil
  }

  private static func moderate(
    _ chat: Chat, _ moderation: DynamoDBModerationStore?, _ configuration: AWSConfiguration,
    _ settings: ChatConfiguration
  ) throws(ConfigurationError) -> ModerateHandler {
    guard let moderation else {
      throw ConfigurationError(
        "MODERATION_TABLE_NAME is not set: set it to the name of the DynamoDB table of bans and of the audit trail.")
    }
    return ModerateHandler(
      chat, moderation,
      try APIGatewayConnectionGateway(
        configuration, apiID: settings.webSocketAPI ?? "", stage: settings.webSocketStage ?? ""))
  }

  /// The table of messages; `nil` if none are kept.
  private static func messages(
    _ settings: ChatConfiguration, _ dynamoDB: DynamoDB, _ route: Route?
  ) throws(ConfigurationError) -> DynamoDBMessageStore? {
    guard settings.historyDays > 0 else { return nil }
    guard let table = settings.messagesTable else {
      guard route?.usesMessages != true else {
        throw ConfigurationError(
          "MESSAGES_TABLE_NAME is not set: set it to the name of the DynamoDB table of messages, or HISTORY_DAYS to 0.")
      }
      return nil
    }
    return DynamoDBMessageStore(dynamoDB, table: table, days: settings.historyDays)
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
  /// - Throws: `InvalidEvent` for an event that is not one of a WebSocket API; the errors of `ModerateHandler`.
  func handle(_ payload: [UInt8], logger: Logger) async throws -> [UInt8] {
    if let moderate { return try await moderate.handle(payload, logger: logger) }
    let event = try WebSocketEvent(json: payload)
    let response =
      switch route ?? Route(event) {
      case .connect: await ConnectHandler(chat).handle(event, logger: logger)
      case .disconnect: await DisconnectHandler(chat).handle(event, logger: logger)
      case .message: await MessageHandler(chat).handle(event, logger: logger)
      case .enter: await EnterHandler(chat).handle(event, logger: logger)
      case .send: await SendHandler(chat).handle(event, logger: logger)
      case .history: await HistoryHandler(chat).handle(event, logger: logger)
      case .who: await WhoHandler(chat).handle(event, logger: logger)
      case .moderate, nil:
        throw InvalidEvent(
          "No handler for the event: requestContext.eventType is "
            + "\(event.requestContext.eventType?.debugDescription ?? "missing"), and the function's handler (_HANDLER) is "
            + "none of \(Route.allCases.map(\.rawValue).joined(separator: ", ")).")
      }
    return response.json()
  }
}
