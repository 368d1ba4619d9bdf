/// One page of a room.
public struct ConnectionPage: Sendable, Equatable {
  /// The rows.
  public let connections: [Connection]
  /// The start of the next page, `nil` on the last one.
  public let next: String?

  /// Creates a page.
  public init(_ connections: [Connection], next: String?) {
    self.connections = connections
    self.next = next
  }

  /// A copy of the page without the given connection.
  func without(_ connection: Connection?) -> ConnectionPage {
    guard let connection, let index = connections.firstIndex(where: { $0.connectionID == connection.connectionID })
    else { return self }
    var others = connections
    others.remove(at: index)
    return ConnectionPage(others, next: next)
  }
}
