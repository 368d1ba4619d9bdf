import WebSocketAPI

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The people in a room: those whose connections have entered and not expired.
struct People {
  /// The maximum number of people in a frame.
  static let maximumUsers = 100

  /// The connections, in the order in which they entered.
  let connections: [Connection]
  private let share: Double

  /// - Parameters:
  ///   - connection: a connection that has entered, and that the sample may lack.
  ///   - gone: ids of connections that have left, and that the sample may still contain.
  init(_ sample: RoomSample, including connection: Connection? = nil, without gone: Set<String> = [], now: Date) {
    var connections = sample.connections.filter { other in
      other.enteredAt != nil && !other.isExpired(at: now) && other.connectionID != connection?.connectionID
        && !gone.contains(other.connectionID)
    }
    if let connection { connections.append(connection) }
    self.connections = connections.sorted { Self.isEarlier($0, $1) }
    share = sample.share
  }

  /// Whether these are all people of the room.
  var isComplete: Bool { share >= 1 }

  /// The number of people in the room: exact, or estimated from the share that was read.
  var count: Int {
    let read = Set(connections.map { Person($0).id }).count
    return isComplete ? read : max(read, Int((Double(read) / share).rounded()))
  }

  /// The first people in the order in which they entered, each once, by the name on their first connection; at most
  /// `maximumUsers`.
  ///
  /// - Parameter person: a person who is included, as the last one if need be.
  func users(including person: Person?) -> [Person] {
    let most = Self.maximumUsers
    var ids: Set<String> = []
    var users: [Person] = []
    for connection in connections {
      let user = Person(connection)
      guard ids.insert(user.id).inserted else { continue }
      users.append(user)
      if users.count > most { break }
    }
    guard users.count > most else { return users }
    users = Array(users.prefix(most))
    if let person, !users.contains(where: { $0.id == person.id }) { users[most - 1] = person }
    return users
  }

  /// The connections of a person.
  func connections(of personID: String) -> [Connection] { connections.filter { Person($0).id == personID } }

  /// Whether a connection entered before another.
  static func isEarlier(_ left: Connection, _ right: Connection) -> Bool {
    (left.enteredAt ?? .max, left.connectionID) < (right.enteredAt ?? .max, right.connectionID)
  }
}
