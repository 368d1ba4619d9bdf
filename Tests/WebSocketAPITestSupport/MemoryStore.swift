import Synchronization
import WebSocketAPI

/// A connection table in memory.
package final class MemoryStore: ConnectionStore {
  package struct State {
    package var rows: [Connection] = []
    /// The time that reading a page takes.
    package var pageTime = Duration.zero
    /// The errors to throw, by the number of the page read, counted from 1.
    package var pageFailures: [Int: any Error] = [:]
    package var pagesRead = 0
    package var removeError: (any Error)?
    package var addError: (any Error)?
    package var readError: (any Error)?
    package var roomError: (any Error)?
    /// The rows that the index shows; `nil` if it shows the table's.
    package var indexed: [Connection]?
    /// The result of `admit`; `nil` accepts every message.
    package var admission: (@Sendable (Connection) -> Admission)?
    /// The share of a room that `entered` reads.
    package var share = 1.0
  }

  package let state: Mutex<State>
  private let pageSize: Int

  package init(_ rows: [Connection], pageSize: Int = 100) {
    state = Mutex(State(rows: rows))
    self.pageSize = pageSize
  }

  /// A table of the connections `c0`, `c1`, …, each opened an hour ago.
  package convenience init(count: Int, pageSize: Int = 100) {
    self.init((0..<count).map { .old("c\($0)") }, pageSize: pageSize)
  }

  package var connectionIDs: [String] { state.withLock { $0.rows.map(\.connectionID) } }
  package var pagesRead: Int { state.withLock { $0.pagesRead } }

  package func add(_ connection: Connection) async throws {
    try state.withLock { state in
      if let error = state.addError { throw error }
      state.rows.removeAll { $0.connectionID == connection.connectionID }
      state.rows.append(connection)
    }
  }

  package func connection(_ connectionID: String) async throws -> Connection? {
    try state.withLock { state in
      if let error = state.readError { throw error }
      return state.rows.first { $0.connectionID == connectionID }
    }
  }

  package func admit(_ connectionID: String, _ limit: MessageLimit, now: Int) async throws -> Admission {
    try state.withLock { state in
      if let error = state.readError { throw error }
      guard let row = state.rows.first(where: { $0.connectionID == connectionID }) else { return .unknown }
      return state.admission?(row) ?? .accepted(row)
    }
  }

  package func connections(ofUser userID: String) async throws -> [Connection] {
    try state.withLock { state in
      if let error = state.roomError { throw error }
      return state.rows.filter { $0.userID == userID }
    }
  }

  package func people(room: String, after connectionID: String?) async throws -> ConnectionPage {
    try await page(room: room, after: connectionID)
  }

  package func enter(_ connection: Connection, createsMissing isNew: Bool) async throws -> Connection? {
    try state.withLock { state in
      if let error = state.addError { throw error }
      let stored = state.rows.first { $0.connectionID == connection.connectionID }
      guard let row = stored ?? (isNew ? connection : nil) else { return nil }
      let entered = Connection(
        connectionID: row.connectionID, timestamp: row.timestamp, expiresAt: row.expiresAt, room: row.room,
        userID: row.userID ?? connection.userID, name: row.name, enteredAt: row.enteredAt ?? connection.enteredAt,
        isReadOnly: row.isReadOnly)
      state.rows.removeAll { $0.connectionID == connection.connectionID }
      state.rows.append(entered)
      return entered
    }
  }

  package func remove(connectionID: String) async throws -> Connection? {
    try remove { $0.connectionID == connectionID }
  }

  package func removeIfUnchanged(_ connection: Connection) async throws -> Connection? {
    try remove { $0.connectionID == connection.connectionID && $0.timestamp == connection.timestamp }
  }

  private func remove(_ isRemoved: (Connection) -> Bool) throws -> Connection? {
    try state.withLock { state in
      if let error = state.removeError { throw error }
      return state.rows.firstIndex(where: isRemoved).map { state.rows.remove(at: $0) }
    }
  }

  package func entered(room: String) async throws -> RoomSample {
    try state.withLock { state in
      if let error = state.roomError { throw error }
      let rows = state.indexed ?? state.rows
      return RoomSample(rows.filter { $0.room == room && $0.enteredAt != nil }, share: state.share)
    }
  }

  package func page(room: String, range: RoomRange, after connectionID: String?) async throws -> ConnectionPage {
    let (time, number) = state.withLock { state in
      state.pagesRead += 1
      return (state.pageTime, state.pagesRead)
    }
    if time > .zero { try await Task.sleep(for: time) }
    return try state.withLock { state in
      if let error = state.pageFailures[number] { throw error }
      let rows = Self.rows(state.indexed ?? state.rows, room: room, range: range)
      let start = connectionID.flatMap { id in rows.firstIndex { $0.connectionID == id }.map { $0 + 1 } } ?? 0
      let page = rows[start...].prefix(pageSize)
      return ConnectionPage(Array(page), next: page.endIndex < rows.count ? page.last?.connectionID : nil)
    }
  }

  /// The rows of a room in the order of the table, or those of a range of it in the order of their keys.
  private static func rows(_ rows: [Connection], room: String, range: RoomRange) -> [Connection] {
    let rows = rows.filter { $0.room == room }
    guard range != .all else { return rows }
    let keyed = rows.map { (key: RoomKey.of($0.connectionID), row: $0) }
    return keyed.filter { (range.lowerText...range.upperText).contains(String($0.key.prefix(4))) }
      .sorted { $0.key < $1.key }.map(\.row)
  }
}
