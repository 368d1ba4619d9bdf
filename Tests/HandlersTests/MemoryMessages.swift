import Handlers
import Synchronization

/// Kept messages in memory.
final class MemoryMessages: MessageStore {
  struct State {
    var kept: [String: [MessageID: [UInt8]]] = [:]
    var keepError: (any Error)?
    var readError: (any Error)?
  }

  let state = Mutex(State())

  func keep(_ frame: [UInt8], id: MessageID, room: String) async throws {
    try state.withLock { state in
      if let error = state.keepError { throw error }
      state.kept[room, default: [:]][id] = frame
    }
  }

  func messages(
    room: String, from first: MessageID, to last: MessageID, isAscending: Bool, limit: Int
  ) async throws -> MessagePage {
    try state.withLock { state in
      if let error = state.readError { throw error }
      let ids = (state.kept[room] ?? [:]).keys.filter { first <= $0 && $0 <= last }.sorted()
      let read = isAscending ? ids : ids.reversed()
      return MessagePage(read.prefix(limit).compactMap { state.kept[room]?[$0] }, hasMore: read.count > limit)
    }
  }
}
