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

  package func remove(connectionID: String) async throws {
    try state.withLock { state in
      if let error = state.removeError { throw error }
      state.rows.removeAll { $0.connectionID == connectionID }
    }
  }

  package func removeIfUnchanged(_ connection: Connection) async throws {
    try state.withLock { state in
      if let error = state.removeError { throw error }
      state.rows.removeAll { $0 == connection }
    }
  }

  package func page(after connectionID: String?) async throws -> ConnectionPage {
    let (time, number) = state.withLock { state in
      state.pagesRead += 1
      return (state.pageTime, state.pagesRead)
    }
    if time > .zero { try await Task.sleep(for: time) }
    return try state.withLock { state in
      if let error = state.pageFailures[number] { throw error }
      let start = connectionID.flatMap { id in state.rows.firstIndex { $0.connectionID == id }.map { $0 + 1 } } ?? 0
      let page = state.rows[start...].prefix(pageSize)
      return ConnectionPage(Array(page), next: page.endIndex < state.rows.count ? page.last?.connectionID : nil)
    }
  }
}
