import AWS
import JSON
import WebSocketAPI

/// A person in a room, as everyone there sees them.
struct Person: Hashable, Sendable {
  /// The name of persons who gave none.
  static let defaultName = "Guest"

  /// 22 characters of base64url, the subject of a token, or `service:` and a name.
  let id: String
  let name: String

  /// The person of a connection.
  init(_ connection: Connection) {
    id = connection.userID ?? Self.id(connectionID: connection.connectionID)
    name = connection.name ?? Self.defaultName
  }

  /// A backend that publishes by a name. No connection has such an id, unless an issuer gives it as the subject of a token.
  init(service name: String) {
    id = "service:" + name
    self.name = name
  }

  /// The id of everyone who holds a key. The key cannot be computed from it.
  static func id(key: String) -> String { id(of: "key:" + key) }

  /// The id of a person without a key, who is another one with each connection.
  static func id(connectionID: String) -> String { id(of: "connection:" + connectionID) }

  private static func id(of text: String) -> String {
    Base64.url.encode(SHA256.hash(Array(text.utf8)).prefix(16))
  }

  /// The person as JSON: `{"id":"…","name":"…"}`.
  var json: [UInt8] {
    var object = JSONObjectText()
    object.add("id", id)
    object.add("name", name)
    return object.bytes
  }
}
