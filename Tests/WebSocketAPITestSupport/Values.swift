import AWS
import Foundation
import WebSocketAPI

extension Connection {
  /// The row of a connection opened an hour ago.
  package static func old(_ connectionID: String) -> Connection {
    Connection(connectionID: connectionID, openedAt: Date(timeIntervalSinceNow: -3600))
  }
}

extension Connection {
  /// A row that stays new for the whole test, however slow the machine: opened an hour in the future.
  package static func new(_ connectionID: String) -> Connection {
    Connection(connectionID: connectionID, openedAt: Date(timeIntervalSinceNow: 3600))
  }
}

extension AWSError {
  /// The error for a response of @connections.
  package static func response(_ status: Int, _ code: String) -> AWSError {
    AWSError(
      service: "ApiGatewayManagementApi", operation: "PostToConnection",
      response: .init(status: status, body: Array(#"{"__type":"\#(code)","message":"No."}"#.utf8)))
  }
}

/// An error of no particular kind.
package struct Refused: Error {
  package init() {}
}

/// A MESSAGE event.
package func messageEvent(
  body: String?, isBase64Encoded: Bool? = false, from connectionID: String = "sender="
) throws -> WebSocketEvent {
  struct Event: Encodable {
    let requestContext: [String: String]
    let body: String?
    let isBase64Encoded: Bool?
  }
  let context = ["connectionId": connectionID, "eventType": "MESSAGE", "domainName": "a.example", "stage": "prod"]
  let event = Event(requestContext: context, body: body, isBase64Encoded: isBase64Encoded)
  return try WebSocketEvent(json: [UInt8](JSONEncoder().encode(event)))
}

/// A CONNECT event with the parameters of the query.
package func connectEvent(_ query: [String: [String]], from connectionID: String = "sender=") throws -> WebSocketEvent {
  struct Event: Encodable {
    let requestContext: [String: String]
    let queryStringParameters: [String: String?]
    let multiValueQueryStringParameters: [String: [String]]
  }
  let event = Event(
    requestContext: ["connectionId": connectionID, "eventType": "CONNECT"],
    queryStringParameters: query.mapValues(\.last), multiValueQueryStringParameters: query)
  return try WebSocketEvent(json: [UInt8](JSONEncoder().encode(event)))
}
