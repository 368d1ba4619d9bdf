#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What a Lambda proxy integration answers.
///
/// On `$connect` API Gateway opens the connection only for a status of 200. On other routes the body reaches the sender
/// only where the route has a route response, which the chat's routes do not have.
public struct WebSocketResponse: Sendable, Equatable, Encodable {
  /// The HTTP status.
  public let statusCode: Int
  /// The text.
  public let body: String

  /// Makes a response.
  public init(_ statusCode: Int, _ body: String) {
    self.statusCode = statusCode
    self.body = body
  }

  /// The response as the Runtime API takes it.
  public func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return [UInt8](try encoder.encode(self))
  }
}
