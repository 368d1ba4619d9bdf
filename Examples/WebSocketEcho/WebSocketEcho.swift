import AWS
import HTTP
import RuntimeClient
import WebSocketAPI

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A WebSocket backend: each frame that a client sends goes to every connection, the sender's included.
struct Backend: Sendable {
  let connections: any ConnectionStore
  let gateway: @Sendable (WebSocketEvent) throws -> any ConnectionGateway

  /// Handles an event. API Gateway opens a connection only if the response to its CONNECT event is 200.
  func handle(_ event: WebSocketEvent, _ context: InvocationContext) async throws -> WebSocketResponse {
    let id = event.requestContext.connectionId
    switch event.requestContext.eventType {
    case "CONNECT":
      try await connections.add(Connection(connectionID: id, openedAt: Date()))
    case "DISCONNECT":
      try await connections.remove(connectionID: id)
    default:
      guard let message = event.message else { return WebSocketResponse(400, "The message is empty.") }
      let report = await Broadcast(store: connections, gateway: try gateway(event)).send(message)
      report.log(to: context.logger)
      return WebSocketResponse(report.isSuccess ? 200 : 500)
    }
    return WebSocketResponse(200)
  }
}

extension Backend {
  /// A backend on DynamoDB and API Gateway, set up from `TABLE_NAME`, `AWS_REGION` and the other variables of AWS SDKs.
  init(environment: [String: String]) throws(ConfigurationError) {
    guard let table = environment["TABLE_NAME"] else { throw ConfigurationError("TABLE_NAME is not set.") }
    let configuration = try AWSConfiguration(environment: environment, transport: CurlTransport())
    connections = DynamoDBConnectionStore(try DynamoDB(configuration), table: table)
    gateway = { event in try APIGatewayConnectionGateway(configuration, for: event) }
  }
}

@main struct WebSocketEcho {
  static func main() {
    Lambda.run(setUp: { try Backend(environment: ProcessInfo.processInfo.environment) }) {
      payload, context, backend in
      try await backend.handle(WebSocketEvent(json: payload), context).json()
    }
  }
}
