import HTTP
import JSON

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A client for the DynamoDB operations that the connection table needs, over AWS JSON 1.0.
///
/// Every operation throws `AWSError`, after the retries of the AWS SDKs' standard mode, and `CancellationError`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>
public struct DynamoDB: Sendable {
  /// An item, or a key, by attribute name.
  public typealias Item = [String: AttributeValue]

  /// One page of a scan: at most 1 MB of items as they are stored.
  public struct Page: Sendable, Equatable {
    /// The items; a page that is not the last may be empty.
    public let items: [Item]
    /// The start of the next page, `nil` on the last page.
    public let lastEvaluatedKey: Item?
  }

  /// A condition on the stored item; without it the operation fails with `ConditionalCheckFailedException`.
  public struct Condition: Sendable {
    let expression: String
    let names: [String: String]
    let values: Item?

    /// The attribute equals a value.
    public static func equal(_ attribute: String, _ value: AttributeValue) -> Condition {
      Condition(expression: "#c = :c", names: ["#c": attribute], values: [":c": value])
    }

    /// The attribute does not exist.
    public static func missing(_ attribute: String) -> Condition {
      Condition(expression: "attribute_not_exists(#c)", names: ["#c": attribute], values: nil)
    }
  }

  /// The largest page to accept: DynamoDB's 1 MB of items, up to four times as long in JSON.
  static let maximumPageBytes = 4 * 1_048_576

  private let client: ServiceClient
  private let endpoint: URL

  /// Creates a client for the configuration's region, or for the endpoint in `AWS_ENDPOINT_URL_DYNAMODB` or
  /// `AWS_ENDPOINT_URL`.
  ///
  /// - Throws: `ConfigurationError` if the region has no endpoint.
  public init(_ configuration: AWSConfiguration) throws(ConfigurationError) {
    let standard = "https://dynamodb.\(configuration.region).\(configuration.dnsSuffix)/"
    guard let endpoint = try configuration.endpoint(.dynamoDB) ?? URL(absoluteHTTP: standard) else {
      throw ConfigurationError("There is no DynamoDB endpoint for the region \(configuration.region).")
    }
    self.endpoint = endpoint
    client = configuration.client(.dynamoDB)
  }

  /// Writes an item, replacing one with the same key.
  public func putItem(_ item: Item, table: String) async throws {
    _ = try await call("PutItem", PutItem(TableName: table, Item: item), decode: EmptyOutput.init(json:))
  }

  /// Deletes an item. A missing item is an error only if there is a condition.
  public func deleteItem(key: Item, table: String, condition: Condition? = nil) async throws {
    let input = DeleteItem(
      TableName: table, Key: key, ConditionExpression: condition?.expression,
      ExpressionAttributeNames: condition?.names, ExpressionAttributeValues: condition?.values)
    _ = try await call("DeleteItem", input, decode: EmptyOutput.init(json:))
  }

  /// Reads one page of a table, with the named attributes of each item.
  ///
  /// - Parameters:
  ///   - start: the `lastEvaluatedKey` of the previous page, `nil` for the first page.
  ///   - limit: the most items on the page, `nil` for as many as fit into 1 MB.
  public func scan(table: String, attributes: [String], from start: Item? = nil, limit: Int? = nil) async throws
    -> Page
  {
    // Placeholders for all names, because some, such as `timestamp`, are reserved words.
    let names = Dictionary(uniqueKeysWithValues: attributes.enumerated().map { ("#a\($0.offset)", $0.element) })
    let input = Scan(
      TableName: table, ProjectionExpression: names.keys.sorted().joined(separator: ", "),
      ExpressionAttributeNames: names, ExclusiveStartKey: start, Limit: limit)
    return try await call("Scan", input, maximumResponseBytes: Self.maximumPageBytes) { try Page(json: $0) }
  }

  private func call<Output>(
    _ operation: String, _ input: some Encodable, maximumResponseBytes: Int = HTTPRequest.defaultMaximumResponseBytes,
    decode: ([UInt8]) throws -> Output
  ) async throws -> Output {
    var request = HTTPRequest(
      method: .post, url: endpoint,
      headers: [
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.\(operation)",
        // The checksum covers the bytes on the wire: without a content coding, those of the JSON.
        "Accept-Encoding": "identity",
      ],
      body: [UInt8](try JSONEncoder().encode(input)))
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

// Inputs and outputs, with DynamoDB's own member names.

private struct PutItem: Encodable {
  let TableName: String
  let Item: DynamoDB.Item
}

private struct DeleteItem: Encodable {
  let TableName: String
  let Key: DynamoDB.Item
  let ConditionExpression: String?
  let ExpressionAttributeNames: [String: String]?
  let ExpressionAttributeValues: DynamoDB.Item?
}

private struct Scan: Encodable {
  let TableName: String
  let ProjectionExpression: String
  let ExpressionAttributeNames: [String: String]
  let ExclusiveStartKey: DynamoDB.Item?
  let Limit: Int?
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
        // An empty key ends the table, as `null` and no key do.
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
