import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The API Gateway Management API, which reaches the connections of one stage of a WebSocket API.
///
/// Every operation throws `AWSError`, after the retries of the AWS SDKs' standard mode, and `CancellationError`.
/// A connection that is gone, or not yet open, is `GoneException` (410).
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>
public struct ManagementAPI: Sendable {
  /// The most bytes that one message may have.
  public static let maximumMessageBytes = 131_072

  /// What API Gateway knows of a connection.
  public struct ConnectionInfo: Sendable, Equatable, Decodable {
    /// When it was opened, ISO 8601.
    public let connectedAt: String?
    /// When something last went either way, ISO 8601.
    public let lastActiveAt: String?
  }

  private let client: ServiceClient
  private let endpoint: String

  /// Makes a client for the stage that an event came from: `https://{domainName}/{stage}`, or the endpoint in
  /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, in which `{apiId}` and `{stage}` are filled in.
  ///
  /// - Throws: `ConfigurationError` when neither gives a URL.
  public init(
    _ configuration: AWSConfiguration, domainName: String, stage: String, apiID: String
  ) throws(ConfigurationError) {
    // `AWS_ENDPOINT_URL` alone is not taken: this API lives at an address of its own, which the event gives.
    let configured = try configuration.endpoint(.managementAPI, placeholders: ["apiId": apiID, "stage": stage])
    let url: URL
    if let configured {
      url = configured
    } else {
      // What is signed goes to this host, so nothing but a host's name may stand there.
      guard domainName.isHostName, !stage.isEmpty,
        let standard = URL(absoluteHTTP: "https://\(domainName)/\(PercentEncoding.encode(stage.utf8))")
      else {
        throw ConfigurationError(
          "The event's domain name \(domainName.debugDescription) and stage \(stage.debugDescription) are no address of "
            + "an API: set AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI.")
      }
      url = standard
    }
    var endpoint = url.absoluteString
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    self.endpoint = endpoint
    client = configuration.client(service: "ApiGatewayManagementApi", signingName: "execute-api")
  }

  /// Sends a message of at most `maximumMessageBytes` to a connection.
  ///
  /// An attempt that ended without an answer is made again, and the message may then arrive twice.
  public func post(_ data: [UInt8], to connectionID: String) async throws {
    let headers: HTTPHeaders = ["Content-Type": "application/octet-stream"]
    let request = try self.request(.post, connectionID, headers: headers, body: data)
    try await client.call("PostToConnection", request, decode: Self.nothing)
  }

  /// Closes a connection.
  public func delete(_ connectionID: String) async throws {
    try await client.call("DeleteConnection", try request(.delete, connectionID), decode: Self.nothing)
  }

  /// What API Gateway knows of a connection.
  public func get(_ connectionID: String) async throws -> ConnectionInfo {
    try await client.call("GetConnection", try request(.get, connectionID)) { response in
      do {
        return try JSONDecoder().decode(ConnectionInfo.self, from: Data(response.body))
      } catch {
        throw InvalidBody("the body is not the JSON of a GetConnection answer")
      }
    }
  }

  /// The answer to what asks for none. A page of a proxy with a 200 is not it: nobody got the message.
  private static func nothing(_ response: HTTPResponse) throws {
    guard !response.body.isEmpty else { return }
    do {
      _ = try EmptyOutput(json: response.body)
    } catch {
      throw InvalidBody("the body is not that of an @connections answer")
    }
  }

  private func request(
    _ method: HTTPMethod, _ connectionID: String, headers: HTTPHeaders = [:], body: [UInt8] = []
  ) throws(ConfigurationError) -> HTTPRequest {
    // The endpoint was looked at when this was made, and what is added needs no look.
    let text = "\(endpoint)/@connections/\(PercentEncoding.encode(connectionID.utf8))"
    guard let url = URL(string: text, encodingInvalidCharacters: false) else {
      throw ConfigurationError("\(endpoint) is not a URL that @connections can be added to.")
    }
    return HTTPRequest(method: method, url: url, headers: headers, body: body)
  }
}
