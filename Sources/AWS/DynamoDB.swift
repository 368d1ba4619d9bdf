import HTTP
import JSON

/// A client for DynamoDB's operations on items, over AWS JSON 1.0.
///
/// Every operation throws `AWSError`, after the retries of the AWS SDKs' standard mode, and `CancellationError`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>
public struct DynamoDB: Sendable {
  /// An item, or a key, by attribute name.
  public typealias Item = [String: AttributeValue]

  /// One page of a scan or query: at most 1 MB of items as they are stored.
  public struct Page: Sendable, Equatable {
    /// The items; a page that is not the last may be empty.
    public let items: [Item]
    /// The start of the next page, `nil` on the last page.
    public let lastEvaluatedKey: Item?
  }

  /// The largest page to accept: DynamoDB's 1 MB of items, up to four times as long in JSON.
  static let maximumPageBytes = 4 * 1_048_576

  private let client: ServiceClient
  private let endpoint: TargetURI

  /// Creates a client for the configuration's region, or for the endpoint in `AWS_ENDPOINT_URL_DYNAMODB` or
  /// `AWS_ENDPOINT_URL`.
  ///
  /// - Throws: `ConfigurationError` if the region has no endpoint.
  public init(_ configuration: AWSConfiguration) throws(ConfigurationError) {
    let standard = "https://dynamodb.\(configuration.region).\(configuration.dnsSuffix)/"
    guard let endpoint = try configuration.endpoint(.dynamoDB) ?? TargetURI(absoluteHTTP: standard) else {
      throw ConfigurationError("There is no DynamoDB endpoint for the region \(configuration.region).")
    }
    self.endpoint = endpoint
    client = configuration.client(.dynamoDB)
  }

  /// Sends one operation and decodes its response, whose checksum is verified.
  func call<Output>(
    _ operation: String, _ input: DynamoDBInput, maximumResponseBytes: Int = HTTPRequest.defaultMaximumResponseBytes,
    decode: ([UInt8]) throws -> Output
  ) async throws -> Output {
    var request = HTTPRequest(
      method: .post, target: endpoint,
      headers: [
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.\(operation)",
        // The checksum covers the bytes on the wire: without a content coding, those of the JSON.
        "Accept-Encoding": "identity",
      ],
      body: input.json)
    request.maximumResponseBytes = maximumResponseBytes
    return try await client.call(operation, request) { response in
      if let checksum = response.headers["x-amz-crc32"], UInt32(checksum) != crc32(response.body) {
        throw InvalidBody("the body does not match its x-amz-crc32, \(ExternalText.identifier(checksum))")
      }
      do {
        return try decode(response.body)
      } catch {
        throw InvalidBody("the body is not the JSON of a \(operation) response")
      }
    }
  }
}

extension DynamoDB.Page {
  init(json: [UInt8]) throws(JSONScanner.Mismatch) {
    var scanner = JSONScanner(json)
    var items: [DynamoDB.Item]?
    var lastEvaluatedKey: DynamoDB.Item?
    try scanner.object { (name, scanner) throws(JSONScanner.Mismatch) in
      switch name {
      case "Items":
        var read: [DynamoDB.Item] = []
        try scanner.array { (scanner) throws(JSONScanner.Mismatch) in read.append(try scanner.item()) }
        items = read
      case "LastEvaluatedKey":
        // The last page has no key. An empty key and `null` mean the same.
        let key = scanner.null() ? [:] : try scanner.item()
        lastEvaluatedKey = key.isEmpty ? nil : key
      default: try scanner.skipValue()
      }
    }
    try scanner.end()
    guard let items else { throw JSONScanner.Mismatch() }
    self.init(items: items, lastEvaluatedKey: lastEvaluatedKey)
  }
}
