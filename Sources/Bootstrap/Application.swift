import AWS
import HTTP
import Handlers
import Log
import WebSocketAPI

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The chat wired up: one transport, one AWS configuration, two tables, a handler for each route.
struct Application: Sendable {
  /// Handles an event that comes from another service than the API.
  private typealias Command = @Sendable (_ event: [UInt8], Logger) async throws -> [UInt8]

  private let route: Route?
  private let chat: Chat
  /// `nil` for events of the API.
  private let command: Command?

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
    let functionName = environment["AWS_LAMBDA_FUNCTION_NAME"]
    // Only Lambda extracts metrics from the log.
    let metrics = functionName.map { Metrics(namespace: "Chat", functionName: $0) }
    let deliveries = try Self.deliveries(
      settings, dynamoDB, configuration,
      // The function that delivers invokes itself.
      function: settings.deliverFunction ?? (route == .deliver ? functionName : nil))
    chat = Chat(
      connections: DynamoDBConnectionStore(dynamoDB, table: settings.table),
      messages: try Self.messages(settings, dynamoDB, route), moderation: moderation, deliveries: deliveries,
      rules: ChatRules(
        signIn: settings.tokens?.signIn(transport), origins: settings.origins,
        connectionsPerUser: settings.connectionsPerUser, messageLimit: settings.messageLimit),
      concurrency: settings.broadcastConcurrency, presenceLimit: settings.presenceLimit, metrics: metrics
    ) { event in
      try APIGatewayConnectionGateway(configuration, for: event)
    }
    command = try Self.command(route, chat, moderation, deliveries, configuration, settings)
  }

  private static func command(
    _ route: Route?, _ chat: Chat, _ moderation: DynamoDBModerationStore?, _ deliveries: Deliveries?,
    _ configuration: AWSConfiguration, _ settings: ChatConfiguration
  ) throws(ConfigurationError) -> Command? {
    guard let route, [.moderate, .publish, .deliver].contains(route) else { return nil }
    let gateway = try APIGatewayConnectionGateway(
      configuration, apiID: settings.webSocketAPI ?? "", stage: settings.webSocketStage ?? "")
    if route == .publish {
      return { try await PublishHandler(chat, gateway, logger: $1).handle($0) }
    }
    if route == .deliver {
      guard let deliveries else {
        throw ConfigurationError("DELIVER_FUNCTION is not set: set it to the name of this function.")
      }
      return { try await DeliverHandler(chat, deliveries, gateway, logger: $1).handle($0) }
    }
    guard let moderation else {
      throw ConfigurationError(
        "MODERATION_TABLE_NAME is not set: set it to the name of the DynamoDB table of bans and of the audit trail.")
    }
    let handler = ModerateHandler(chat, moderation, gateway)
    return { try await handler.handle($0, logger: $1) }
  }

  /// The deliveries to large rooms; `nil` if rooms of every size are served directly.
  private static func deliveries(
    _ settings: ChatConfiguration, _ dynamoDB: DynamoDB, _ configuration: AWSConfiguration, function: String?
  ) throws(ConfigurationError) -> Deliveries? {
    guard let function else { return nil }
    guard let table = settings.messagesTable else {
      throw ConfigurationError(
        "MESSAGES_TABLE_NAME is not set: set it to the name of the DynamoDB table that holds the messages for "
          + "DELIVER_FUNCTION.")
    }
    let lambda = try LambdaAPI(configuration)
    return Deliveries(
      store: DynamoDBDeliveryStore(dynamoDB, table: table), directLimit: settings.directLimit,
      postsPerSecond: settings.postsPerSecond
    ) { event in
      try await lambda.invoke(function, payload: event)
    }
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
    guard access(path, R_OK) == 0 else {
      throw ConfigurationError("AWS_CA_BUNDLE is \(path.debugDescription), which cannot be read.")
    }
    return path
  }

  /// Handles one event: its JSON in, the response's JSON out.
  ///
  /// - Throws: `InvalidEvent` for an event that is not one of a WebSocket API; the errors of `ModerateHandler`,
  ///   `PublishHandler` and `DeliverHandler`.
  func handle(_ payload: [UInt8], logger: Logger) async throws -> [UInt8] {
    if let command { return try await command(payload, logger) }
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
      case .moderate, .publish, .deliver, nil:
        throw InvalidEvent(
          "No handler for the event: requestContext.eventType is "
            + "\(event.requestContext.eventType?.debugDescription ?? "missing"), and the function's handler (_HANDLER) is "
            + "none of \(Route.allCases.map(\.rawValue).joined(separator: ", ")).")
      }
    return response.json()
  }
}
