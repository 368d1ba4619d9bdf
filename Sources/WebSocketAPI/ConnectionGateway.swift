import AWS

/// Posts messages to open connections.
public protocol ConnectionGateway: Sendable {
  /// Sends a message to a connection.
  ///
  /// - Throws: `ConnectionGone` if the connection is not open; another error if an open connection could not be reached.
  ///   A throttled post (`AWSError.isThrottling`) must not be retried here: the broadcast reschedules it.
  func post(_ message: [UInt8], to connectionID: String) async throws

  /// Closes a connection. One that is not open is no error.
  func disconnect(_ connectionID: String) async throws
}

/// The connection is not open.
public struct ConnectionGone: Error, Sendable, Equatable {
  /// Creates the error.
  public init() {}
}

/// The connections of one stage of an API Gateway WebSocket API.
public struct APIGatewayConnectionGateway: ConnectionGateway {
  private let api: ManagementAPI

  /// Creates a gateway for the stage of an event.
  ///
  /// - Throws: `ConfigurationError` if neither the event nor the environment has an endpoint.
  public init(_ configuration: AWSConfiguration, for event: WebSocketEvent) throws(ConfigurationError) {
    let context = event.requestContext
    api = try ManagementAPI(
      configuration, domainName: context.domainName ?? "", stage: context.stage ?? "", apiID: context.apiId ?? "")
  }

  /// Creates a gateway for a stage of an API.
  ///
  /// - Throws: `ConfigurationError` if the environment has no endpoint: there is no event with one.
  public init(
    _ configuration: AWSConfiguration, apiID: String, stage: String
  ) throws(ConfigurationError) {
    api = try ManagementAPI(configuration, domainName: "", stage: stage, apiID: apiID)
  }

  /// Closes a connection.
  public func disconnect(_ connectionID: String) async throws {
    do {
      try await api.delete(connectionID)
    } catch let error as AWSError where error.status == 410 {
      // It has closed.
    }
  }

  /// Sends a message to a connection.
  public func post(_ message: [UInt8], to connectionID: String) async throws {
    do {
      try await api.post(message, to: connectionID, retriesThrottling: false)
    } catch let error as AWSError where error.status == 410 {
      throw ConnectionGone()
    }
  }
}
