import JSON
import Log
import WebSocketAPI

/// Announces who joins and leaves a room, to those who have entered it.
struct Presence {
  private enum Event: String {
    case join, leave
  }

  private let backend: Backend

  init(_ backend: Backend) { self.backend = backend }

  /// Announces a person whose first connection entered.
  ///
  /// - Parameter people: the people of the room, the connection included.
  /// - Returns: whether everyone who had to hear of it did.
  func join(_ connection: Connection, among people: People) async throws -> Bool {
    guard people.isComplete, people.count <= backend.chat.presenceLimit else { return true }
    let person = Person(connection)
    let earlier = people.connections(of: person.id).filter { People.isEarlier($0, connection) }
    guard try await !isAnyPresent(earlier) else { return true }
    let others = people.connections.filter { $0.connectionID != connection.connectionID }
    let report = await send(.join, person, count: people.count, to: others)
    let isLeaveSent = await leave(report.departed)
    return report.isSuccess && isLeaveSent
  }

  /// Announces people whose last connection is gone.
  ///
  /// - Parameter departed: deleted rows of one room. Those of persons who had not entered are ignored.
  /// - Returns: whether everyone who had to hear of it did; the log has the cause.
  @discardableResult func leave(_ departed: [Connection]) async -> Bool {
    var departed = departed.filter { $0.enteredAt != nil }
    var gone: Set<String> = []
    var isSuccess = true
    do {
      // Each round deletes the rows of at least one more connection.
      while let room = departed.first?.room {
        gone.formUnion(departed.map(\.connectionID))
        let sample = try await backend.chat.connections.entered(room: room)
        let people = People(sample, without: gone, now: backend.chat.now())
        guard people.isComplete, people.count <= backend.chat.presenceLimit else { return isSuccess }
        var found: [Connection] = []
        for person in Dictionary(departed.map { (Person($0).id, Person($0)) }, uniquingKeysWith: { $1 }).values {
          guard try await !isAnyPresent(people.connections(of: person.id)) else { continue }
          let report = await send(.leave, person, count: people.count, to: people.connections)
          found += report.departed
          isSuccess = isSuccess && report.isSuccess
        }
        departed = found.filter { !gone.contains($0.connectionID) }
      }
      return isSuccess
    } catch {
      backend.logger.error("A leave could not be announced.", error: error)
      return false
    }
  }

  private func send(_ event: Event, _ person: Person, count: Int, to connections: [Connection]) async -> BroadcastReport
  {
    var object = JSONObjectText()
    object.add("type", "presence")
    object.add("event", event.rawValue)
    object.add("user", json: person.json)
    object.add("count", count)
    let report = await backend.broadcast().send(object.bytes, to: connections)
    report.log(to: backend.logger)
    return report
  }

  /// Whether one of these connections is still in the table: the index may show deleted rows for a moment.
  private func isAnyPresent(_ connections: [Connection]) async throws -> Bool {
    for connection in connections {
      if try await backend.chat.connections.connection(connection.connectionID)?.enteredAt != nil { return true }
    }
    return false
  }
}
