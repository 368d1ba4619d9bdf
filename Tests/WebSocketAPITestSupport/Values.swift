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
package func messageEvent(body: String?, isBase64Encoded: Bool? = false) throws -> WebSocketEvent {
  struct Event: Encodable {
    var requestContext = [
      "connectionId": "sender=", "eventType": "MESSAGE", "domainName": "a.example", "stage": "prod",
    ]
    let body: String?
    let isBase64Encoded: Bool?
  }
  return try WebSocketEvent(
    json: [UInt8](JSONEncoder().encode(Event(body: body, isBase64Encoded: isBase64Encoded))))
}
