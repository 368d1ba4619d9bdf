import AWS
import Foundation
import HTTP
import Synchronization
import TestServers
import WebSocketAPI

/// A loopback server with a DynamoDB table of connections and the connections of an API Gateway WebSocket API.
package final class FakeAWS: Sendable {
  fileprivate struct State {
    /// In the order of the index.
    var rows: [(connectionID: String, timestamp: String?)] = []
    var live: Set<String> = []
    /// Connections whose client does not read.
    var slow: Set<String> = []
    var attempts: [String: Int] = [:]
    var delivered: [String: Int] = [:]
    var posts = 0
    var queries = 0
  }

  /// Returns the reply that replaces the service's; `nil` for the service's own. Requests are counted per operation.
  package typealias Fault = @Sendable (_ operation: String, _ number: Int) -> Reply?

  private let core: Core
  private let transport = CurlTransport()
  package let server: LoopbackServer

  package init(fault: @escaping Fault = { _, _ in nil }) throws {
    let core = Core()
    self.core = core
    server = try LoopbackServer { request in core.answer(request, fault) }
  }

  deinit { server.stop() }

  package var rows: Set<String> { core.state.withLock { Set($0.rows.map(\.connectionID)) } }
  package var attempts: [String: Int] { core.state.withLock { $0.attempts } }
  package var slow: Set<String> {
    get { core.state.withLock { $0.slow } }
    set { core.state.withLock { $0.slow = newValue } }
  }
  package var live: Set<String> { core.state.withLock { $0.live } }
  package var delivered: [String: Int] { core.state.withLock { $0.delivered } }
  package var queries: Int { core.state.withLock { $0.queries } }

  /// Adds rows, and open connections for them if `isLive`.
  package func add(
    _ connectionIDs: some Sequence<String>, isLive: Bool = true, timestamp: String? = "2020-01-01T00:00:00.000Z"
  ) {
    core.state.withLock { state in
      for id in connectionIDs {
        state.rows.append((id, timestamp))
        if isLive { state.live.insert(id) }
      }
    }
  }

  package func configuration(attemptTimeout: Duration = .seconds(5), retryPolicy: RetryPolicy = RetryPolicy()) throws
    -> AWSConfiguration
  {
    try AWSConfiguration(
      environment: Environment([
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_ENDPOINT_URL": "http://\(server.address)",
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://\(server.address)/prod",
      ]), transport: transport, attemptTimeout: attemptTimeout, retryPolicy: retryPolicy)
  }

  package func store(_ configuration: AWSConfiguration, pageLimit: Int = 100) throws -> DynamoDBConnectionStore {
    DynamoDBConnectionStore(try DynamoDB(configuration), table: "connections", pageLimit: pageLimit)
  }
}

private final class Core: Sendable {
  let state = Mutex(FakeAWS.State())

  func answer(_ request: RecordedRequest, _ fault: FakeAWS.Fault) -> Reply {
    guard let target = request.headers["X-Amz-Target"] else { return post(request, fault) }
    let body = (try? JSONSerialization.jsonObject(with: Data(request.body))) as? [String: Any] ?? [:]
    switch target {
    case "DynamoDB_20120810.Query":
      let number = state.withLock { state in
        state.queries += 1
        return state.queries
      }
      return fault("Query", number) ?? query(body)
    case "DynamoDB_20120810.DeleteItem": return fault("DeleteItem", 0) ?? delete(body)
    default: return Reply(400, text: #"{"__type":"UnknownOperationException"}"#)
    }
  }

  private func post(_ request: RecordedRequest, _ fault: FakeAWS.Fault) -> Reply {
    let id = request.target.split(separator: "/").last.map(String.init)?.removingPercentEncoding ?? ""
    let number = state.withLock { state in
      state.posts += 1
      return state.posts
    }
    let reply = fault("PostToConnection", number)
    // A reset in the middle of the response: the service has acted on the request.
    if let reply, reply.fault != .reset(after: 10) { return reply }
    return state.withLock { state in
      state.attempts[id, default: 0] += 1
      guard !state.slow.contains(id) else {
        return Reply(429, headers: ["x-amzn-ErrorType": "LimitExceededException"], text: #"{"message":null}"#)
      }
      guard state.live.contains(id) else {
        return Reply(410, headers: ["x-amzn-ErrorType": "GoneException"], text: #"{"message":null}"#)
      }
      state.delivered[id, default: 0] += 1
      return reply ?? Reply(200)
    }
  }

  private func query(_ body: [String: Any]) -> Reply {
    let limit = body["Limit"] as? Int ?? .max
    let start = ((body["ExclusiveStartKey"] as? [String: Any])?["connectionId"] as? [String: Any])?["S"] as? String
    return state.withLock { state in
      // The key's row may have been deleted since the previous page.
      let rest = start.map { start in state.rows.drop { $0.connectionID <= start } } ?? state.rows[...]
      let page = rest.prefix(limit)
      let items = page.map { row -> [String: Any] in
        var item: [String: Any] = ["connectionId": ["S": row.connectionID]]
        if let timestamp = row.timestamp { item["timestamp"] = ["S": timestamp] }
        return item
      }
      var answer: [String: Any] = ["Items": items, "Count": items.count]
      if page.count < rest.count, let last = page.last {
        // Key of the index and of the table.
        answer["LastEvaluatedKey"] = [
          "room": ["S": "lobby"], "roomKey": ["S": "x"], "connectionId": ["S": last.connectionID],
        ]
      }
      return json(answer)
    }
  }

  private func delete(_ body: [String: Any]) -> Reply {
    let id = ((body["Key"] as? [String: Any])?["connectionId"] as? [String: Any])?["S"] as? String
    let values = body["ExpressionAttributeValues"] as? [String: [String: String]]
    let condition = body["ConditionExpression"] as? String
    return state.withLock { state in
      let index = state.rows.firstIndex { $0.connectionID == id }
      let timestamp = index.flatMap { state.rows[$0].timestamp }
      let holds =
        switch condition {
        case nil: true
        case "attribute_not_exists(#c0)": timestamp == nil
        default: index != nil && timestamp == values?[":c0"]?["S"]
        }
      guard holds else {
        return Reply(
          400,
          text: #"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"No"}"#)
      }
      guard let index else { return json([:]) }
      state.rows.remove(at: index)
      return json(body["ReturnValues"] == nil ? [:] : ["Attributes": ["connectionId": ["S": id ?? ""]]])
    }
  }

  private func json(_ object: [String: Any]) -> Reply {
    let body = [UInt8]((try? JSONSerialization.data(withJSONObject: object)) ?? Data())
    return Reply(200, headers: ["x-amz-crc32": "\(crc32(body))"], body: body)
  }
}
