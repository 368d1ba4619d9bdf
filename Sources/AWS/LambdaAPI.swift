import HTTP

/// A client for Lambda's Invoke API: invokes functions asynchronously.
///
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
public struct LambdaAPI: Sendable {
  /// The largest payload of an asynchronous invocation, in bytes:
  /// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
  public static let maximumEventBytes = 1_048_576

  private let client: ServiceClient
  private let endpoint: HTTPRequest
  /// The endpoint's path without its trailing slashes.
  private let basePath: String

  /// Creates a client for the configuration's region, or for the endpoint in `AWS_ENDPOINT_URL_LAMBDA` or
  /// `AWS_ENDPOINT_URL`.
  ///
  /// - Parameter configuration: the region, credentials, transport and endpoints.
  /// - Throws: `ConfigurationError` if the region has no endpoint.
  public init(_ configuration: AWSConfiguration) throws(ConfigurationError) {
    let standard = "https://lambda.\(configuration.region).\(configuration.dnsSuffix)/"
    guard let target = try configuration.endpoint(.lambda) ?? TargetURI(absoluteHTTP: standard) else {
      throw ConfigurationError("There is no Lambda endpoint for the region \(configuration.region).")
    }
    endpoint = HTTPRequest(method: .post, target: target)
    basePath = endpoint.pathWithoutTrailingSlashes
    client = configuration.client(.lambda)
  }

  /// Queues an event for a function (invocation type `Event`) and returns once Lambda has accepted it.
  ///
  /// Lambda runs an event at least once, and a request without a response is retried: the function may run twice.
  ///
  /// - Parameters:
  ///   - function: the function's name or ARN, with a version or alias if it has one.
  ///   - payload: the event as JSON, at most `maximumEventBytes`.
  /// - Throws: `AWSError`, after the retries of the AWS SDKs' standard mode, and `CancellationError`.
  public func invoke(_ function: String, payload: [UInt8]) async throws {
    var request = endpoint
    request.path = "\(basePath)/2015-03-31/functions/\(PercentEncoding.encode(function.utf8))/invocations"
    request.headers = ["Content-Type": "application/json", "X-Amz-Invocation-Type": "Event"]
    request.body = payload
    try await client.call("Invoke", request) { response in
      // Any other success is not Lambda's answer to an event: a proxy's, or that of a function that has run.
      guard response.status == 202 else { throw InvalidBody("an accepted event has the status 202") }
    }
  }
}
