import AWS

/// The way to the sockets, as the handlers need it.
public protocol ConnectionGateway: Sendable {
  /// Sends a message to a connection.
  ///
  /// - Throws: `ConnectionGone` when there is no such socket; anything else when a live one could not be reached.
  func post(_ message: [UInt8], to connectionID: String) async throws
}

/// There is no open socket of that connection.
public struct ConnectionGone: Error, Sendable, Equatable {
  /// Makes the error.
  public init() {}
}

/// The sockets of one stage of an API Gateway WebSocket API.
public struct APIGatewayConnectionGateway: ConnectionGateway {
  private let api: ManagementAPI

  /// Uses the stage that an event came from.
  ///
  /// - Throws: `ConfigurationError` when the event and the environment give no endpoint.
  public init(_ configuration: AWSConfiguration, for event: WebSocketEvent) throws(ConfigurationError) {
    let context = event.requestContext
    api = try ManagementAPI(
      configuration, domainName: context.domainName ?? "", stage: context.stage ?? "", apiID: context.apiId ?? "")
  }

  /// Sends a message to a connection.
  public func post(_ message: [UInt8], to connectionID: String) async throws {
    do {
      try await api.post(message, to: connectionID)
    } catch let error as AWSError where error.status == 410 {
      throw ConnectionGone()
    }
  }
}
