import AWS
import RuntimeClient

/// The chat's executable.
@main
enum Bootstrap {
  private static let command = Lambda.Command(
    name: "bootstrap",
    summary: """
      The events are those of an API Gateway WebSocket API, the commands of moderators (docs/security.md), the messages of
      backends (docs/publishing.md), and the events of deliveries to large rooms. TABLE_NAME, MESSAGES_TABLE_NAME,
      MODERATION_TABLE_NAME, HISTORY_DAYS, PRESENCE_LIMIT, MESSAGES_PER_SECOND, MESSAGES_BURST, CONNECTIONS_PER_USER,
      ALLOWED_ORIGINS, TOKEN_ISSUER, TOKEN_AUDIENCE, TOKEN_JWKS, TOKEN_USE, ROOMS_CLAIM, DELIVER_FUNCTION, DIRECT_LIMIT,
      POSTS_PER_SECOND, WEBSOCKET_API_ID, WEBSOCKET_STAGE, BROADCAST_CONCURRENCY, AWS_REGION, AWS_ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_LAMBDA,
      AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI and AWS_CA_BUNDLE are read from the environment.
      """,
    handlers: Route.allCases.map(\.rawValue),
    // API Gateway's limit for an integration.
    timeout: .seconds(29))

  static func main() {
    Lambda.run(command, setUp: { try application(ProcessEnvironment.variables()) }) {
      payload, context, application in
      try await application.handle(payload, logger: context.logger)
    }
  }

  private static func application(_ environment: [String: String]) throws(FunctionError) -> Application {
    do {
      return try Application(handler: environment["_HANDLER"] ?? "", environment: environment)
    } catch {
      throw FunctionError(type: "Runtime.ConfigurationError", message: "\(error)")
    }
  }
}
