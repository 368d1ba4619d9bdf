import HTTP

/// A service with a client in this module. The raw value is its name in errors.
enum AWSService: String {
  case dynamoDB = "DynamoDB"
  case managementAPI = "ApiGatewayManagementApi"
  case lambda = "Lambda"

  /// The service's name in signatures.
  var signingName: String {
    switch self {
    case .dynamoDB: "dynamodb"
    case .managementAPI: "execute-api"
    case .lambda: "lambda"
    }
  }

  /// The variables that may set its endpoint, in order of precedence.
  fileprivate var endpointVariables: [String] {
    switch self {
    case .dynamoDB: ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]
    case .managementAPI: ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    case .lambda: ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"]
    }
  }

  /// The placeholders that the service's endpoint may contain, in braces.
  fileprivate var placeholders: [String] { self == .managementAPI ? ["apiId", "stage"] : [] }
}

/// An endpoint from the environment, with placeholders for values from the event.
struct EndpointTemplate: Sendable {
  private let variable: String
  private let text: String
  private let placeholders: [String]

  /// - Returns: `nil` if the environment sets no endpoint for the service.
  /// - Throws: `ConfigurationError` if the URL is invalid, so that the function fails at start.
  init?(of service: AWSService, environment: Environment) throws(ConfigurationError) {
    for variable in service.endpointVariables {
      guard let text = try environment.value(variable) else { continue }
      self.variable = variable
      self.text = text
      self.placeholders = service.placeholders
      _ = try target([:])
      return
    }
    return nil
  }

  /// The endpoint with its placeholders replaced; a placeholder without a value becomes `x`.
  func target(_ values: [String: String]) throws(ConfigurationError) -> TargetURI {
    guard let target = TargetURI(absoluteHTTP: filled(values)), target.query == nil else {
      let exception = placeholders.isEmpty ? "" : "; it may contain {apiId} and {stage}"
      throw ConfigurationError(
        "\(variable) must be an http or https URL without user, query or fragment\(exception).")
    }
    return target
  }

  private func filled(_ values: [String: String]) -> String {
    var parts = text.split(separator: "{", omittingEmptySubsequences: false)
    var filled = String(parts.removeFirst())
    for part in parts {
      if let end = part.firstIndex(of: "}"), placeholders.contains(String(part[..<end])) {
        filled += PercentEncoding.encode((values[String(part[..<end])] ?? "x").utf8) + part[part.index(after: end)...]
      } else {
        filled += "{" + part
      }
    }
    return filled
  }
}
