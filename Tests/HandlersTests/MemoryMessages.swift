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

  func delete(_ id: MessageID, room: String) async throws -> Bool {
    state.withLock { $0.kept[room]?.removeValue(forKey: id) != nil }
  }
}

/// Bans and the audit trail in memory.
final class MemoryModeration: ModerationStore {
  struct State {
    var bans: [String: [String: Int]] = [:]
    var entries: [(id: MessageID, text: String)] = []
    var error: (any Error)?
  }

  let state = Mutex(State())

  func bannedUntil(_ userID: String, room: String, now: Int) async throws -> Int? {
    try state.withLock { state in
      if let error = state.error { throw error }
      return [room, "*"].compactMap { state.bans[userID]?[$0] }.filter { $0 > now }.max()
    }
  }

  func ban(_ userID: String, from room: String?, until: Int) async throws {
    state.withLock { $0.bans[userID, default: [:]][room ?? "*"] = until }
  }

  func unban(_ userID: String, from room: String?) async throws {
    _ = state.withLock { $0.bans[userID]?.removeValue(forKey: room ?? "*") }
  }

  func record(_ entry: [UInt8], id: MessageID) async throws {
    try state.withLock { state in
      if let error = state.error { throw error }
      state.entries.append((id, String(decoding: entry, as: UTF8.self)))
    }
  }

  func entries(before id: MessageID?, limit: Int) async throws -> MessagePage {
    state.withLock { state in
      let found = state.entries.filter { entry in id.map { entry.id < $0 } ?? true }.reversed()
      return MessagePage(found.prefix(limit).map { Array($0.text.utf8) }, hasMore: found.count > limit)
    }
  }
}
