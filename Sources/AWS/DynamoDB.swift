import HTTP

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The three DynamoDB operations that a table of connections needs, over AWS JSON 1.0.
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
    /// Where the next page starts, `nil` on the last page.
    public let lastEvaluatedKey: Item?
  }

  /// A condition on the stored item; without it the operation fails with `ConditionalCheckFailedException`.
  public struct Condition: Sendable {
    let expression: String
    let names: [String: String]
    let values: Item?

    /// The attribute has to have exactly this value.
    public static func equal(_ attribute: String, _ value: AttributeValue) -> Condition {
      Condition(expression: "#c = :c", names: ["#c": attribute], values: [":c": value])
    }

    /// The attribute must not be there.
    public static func missing(_ attribute: String) -> Condition {
      Condition(expression: "attribute_not_exists(#c)", names: ["#c": attribute], values: nil)
    }
  }

  private let client: ServiceClient
  private let endpoint: URL

  /// Makes a client for the configuration's region, or the endpoint in `AWS_ENDPOINT_URL_DYNAMODB` or
  /// `AWS_ENDPOINT_URL`.
  ///
  /// - Throws: `ConfigurationError` when that endpoint is not a URL.
  public init(_ configuration: AWSConfiguration) throws(ConfigurationError) {
    let standard = "https://dynamodb.\(configuration.region).\(configuration.dnsSuffix)/"
    guard let endpoint = try configuration.endpoint(.dynamoDB) ?? URL(absoluteHTTP: standard) else {
      throw ConfigurationError("There is no DynamoDB endpoint for the region \(configuration.region).")
    }
    self.endpoint = endpoint
    client = configuration.client(service: "DynamoDB", signingName: "dynamodb")
  }

  /// Writes an item, over one of the same key where there is one.
  public func putItem(_ item: Item, table: String) async throws {
    _ = try await call("PutItem", PutItem(TableName: table, Item: item), decode: EmptyOutput.init(json:))
  }

  /// Deletes the item of that key. One that is not there is no failure, unless a condition was given.
  public func deleteItem(key: Item, table: String, condition: Condition? = nil) async throws {
    let input = DeleteItem(
      TableName: table, Key: key, ConditionExpression: condition?.expression,
      ExpressionAttributeNames: condition?.names, ExpressionAttributeValues: condition?.values)
    _ = try await call("DeleteItem", input, decode: EmptyOutput.init(json:))
  }

  /// Reads one page of a table, each item with the named attributes only.
  ///
  /// - Parameters:
  ///   - start: the `lastEvaluatedKey` of the page before, `nil` for the first page.
  ///   - limit: the most items on the page, `nil` for as many as fit into 1 MB.
  public func scan(table: String, attributes: [String], from start: Item? = nil, limit: Int? = nil) async throws
    -> Page
  {
    // Placeholders for every name, since names such as `timestamp` are reserved words.
    let names = Dictionary(uniqueKeysWithValues: attributes.enumerated().map { ("#a\($0.offset)", $0.element) })
    let input = Scan(
      TableName: table, ProjectionExpression: names.keys.sorted().joined(separator: ", "),
      ExpressionAttributeNames: names, ExclusiveStartKey: start, Limit: limit)
    return try await call("Scan", input) { try Page(json: $0) }
  }

  private func call<Output>(
    _ operation: String, _ input: some Encodable, decode: ([UInt8]) throws -> Output
  ) async throws -> Output {
    let request = HTTPRequest(
      method: .post, url: endpoint,
      headers: [
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.\(operation)",
        // The checksum is over the bytes on the wire; asked for plain JSON they are the bytes of the JSON.
        "Accept-Encoding": "identity",
      ],
      body: [UInt8](try JSONEncoder().encode(input)))
    return try await client.call(operation, request) { response in
      if let checksum = response.headers["x-amz-crc32"], UInt32(checksum) != crc32(response.body) {
        throw InvalidBody("the body does not fit its x-amz-crc32 of \(checksum)")
      }
      do {
        return try decode(response.body)
      } catch {
        throw InvalidBody("the body is not the JSON of a \(operation) answer")
      }
    }
  }
}

// The inputs and outputs, by DynamoDB's own names.

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
      case "LastEvaluatedKey": if !scanner.null() { lastEvaluatedKey = try scanner.item() }
      default: try scanner.skipValue()
      }
    }
    try scanner.end()
    guard let items else { throw JSONScanner.Mismatch() }
    self.init(items: items, lastEvaluatedKey: lastEvaluatedKey)
  }
}
