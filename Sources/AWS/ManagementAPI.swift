import HTTP
import JSON

/// A client for the API Gateway Management API of one stage: posts to, reads and closes WebSocket connections.
///
/// Every operation throws `AWSError`, after the retries of the AWS SDKs' standard mode, and `CancellationError`.
/// The code for a connection that is closed, or not open yet, is `GoneException` (410).
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>
public struct ManagementAPI: Sendable {
  /// The largest message, in bytes.
  public static let maximumMessageBytes = 131_072

  /// The state of a connection.
  public struct ConnectionInfo: Sendable, Equatable, Decodable {
    /// When the connection was opened, in ISO 8601.
    public let connectedAt: String?
    /// When a frame was last sent or received, in ISO 8601.
    public let lastActiveAt: String?
  }

  private static let postHeaders: HTTPHeaders = ["Content-Type": "application/octet-stream"]

  private let client: ServiceClient
  private let endpoint: HTTPRequest
  /// The endpoint's path without its trailing slashes.
  private let basePath: String

  /// Creates a client for the stage of an event: `https://{domainName}/{stage}`, or the endpoint in
  /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` with `{apiId}` and `{stage}` replaced.
  ///
  /// - Throws: `ConfigurationError` if neither is a URL.
  public init(
    _ configuration: AWSConfiguration, domainName: String, stage: String, apiID: String
  ) throws(ConfigurationError) {
    // `AWS_ENDPOINT_URL` does not apply: the address of this API comes with the event.
    let configured = try configuration.endpoint(.managementAPI, placeholders: ["apiId": apiID, "stage": stage])
    let target: TargetURI
    if let configured {
      target = configured
    } else {
      // A signed request goes to this host, so the event must not be able to add anything but a host name.
      guard domainName.isHostName, !stage.isEmpty,
        let standard = TargetURI(absoluteHTTP: "https://\(domainName)/\(PercentEncoding.encode(stage.utf8))")
      else {
        throw ConfigurationError(
          "The event's domain name \(ExternalText.quoted(domainName)) and stage \(ExternalText.quoted(stage)) do not "
            + "form the address of an API: set AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI.")
      }
      target = standard
    }
    endpoint = HTTPRequest(method: .post, target: target)
    basePath = endpoint.pathWithoutTrailingSlashes
    client = configuration.client(.managementAPI)
  }

  /// Sends a message of at most `maximumMessageBytes` to a connection.
  ///
  /// An attempt without a response is retried, and the message may then arrive twice.
  ///
  /// - Parameters:
  ///   - data: the message.
  ///   - connectionID: API Gateway's id of the connection.
  ///   - retriesThrottling: whether to retry after 429. API Gateway returns 429 both when the account exceeds its quota and
  ///     when this connection's client does not read; only the first passes within milliseconds.
  public func post(_ data: [UInt8], to connectionID: String, retriesThrottling: Bool = true) async throws {
    let request = self.request(.post, connectionID, headers: Self.postHeaders, body: data)
    try await client.call(
      "PostToConnection", request, retriesThrottling: retriesThrottling, decode: Self.requireNoOutput)
  }

  /// Closes a connection.
  public func delete(_ connectionID: String) async throws {
    try await client.call("DeleteConnection", request(.delete, connectionID), decode: Self.requireNoOutput)
  }

  /// Reads the state of a connection.
  public func get(_ connectionID: String) async throws -> ConnectionInfo {
    try await client.call("GetConnection", request(.get, connectionID)) { response in
      do {
        return try ConnectionInfo(json: response.body)
      } catch {
        throw InvalidBody("the body is not the JSON of a GetConnection response")
      }
    }
  }

  /// Accepts a response without output. A proxy's page with status 200 is an invalid response: no message was sent.
  private static func requireNoOutput(_ response: HTTPResponse) throws {
    guard !response.body.isEmpty else { return }
    do {
      _ = try EmptyOutput(json: response.body)
    } catch {
      throw InvalidBody("the body is not that of an @connections response")
    }
  }

  /// A request to a connection. Only the path differs from the endpoint's, so no URL is parsed per post.
  private func request(
    _ method: HTTPMethod, _ connectionID: String, headers: HTTPHeaders = [:], body: [UInt8] = []
  ) -> HTTPRequest {
    var request = endpoint
    request.method = method
    request.path = "\(basePath)/@connections/\(PercentEncoding.encode(connectionID.utf8))"
    request.headers = headers
    request.body = body
    return request
  }
}

extension ManagementAPI.ConnectionInfo {
  fileprivate init(json: [UInt8]) throws(JSONScanner.Mismatch) {
    let members = try JSONScanner.strings(named: ["connectedAt", "lastActiveAt"], of: json)
    self.init(connectedAt: members["connectedAt"], lastActiveAt: members["lastActiveAt"])
  }
}
