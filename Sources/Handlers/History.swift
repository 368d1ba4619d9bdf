/// Reads pages of a room's kept messages.
struct History {
  /// The most messages in a frame.
  static let maximumMessages = 100
  /// The messages in a frame if the client sets no limit.
  static let defaultMessages = 50
  /// The overlap of a catch-up, in milliseconds: `enter` reads from this long before the client's last message.
  /// Functions store messages concurrently, with ids from their own clocks, so an earlier id may be stored later.
  private static let overlap = 30_000

  /// The part of a room's messages that a client asks for.
  enum Part {
    case latest
    case before(MessageID)
    case after(MessageID)

    /// The part that begins 30 s before a message.
    static func catchUp(_ id: MessageID) -> Part {
      .after(MessageID.first(at: id.time - overlap).predecessor)
    }
  }

  let store: (any MessageStore)?

  /// The messages nearest to the start of a part, in the order of reading: the latest first, except after an id.
  func read(_ part: Part, room: String, limit: Int) async throws -> MessagePage {
    guard let store else { return .empty }
    let first = MessageID.first(at: 0)
    return switch part {
    case .latest:
      try await store.messages(room: room, from: first, to: .greatest, isAscending: false, limit: limit)
    case .before(let id):
      try await store.messages(room: room, from: first, to: id.predecessor, isAscending: false, limit: limit)
    case .after(let id):
      try await store.messages(room: room, from: id.successor, to: .greatest, isAscending: true, limit: limit)
    }
  }
}

extension History.Part {
  /// Whether the part is read from its earliest message on.
  var isAscending: Bool { if case .after = self { true } else { false } }

  /// The frames of a page, the earliest message first.
  func ascending(_ page: MessagePage) -> [[UInt8]] { isAscending ? page.frames : page.frames.reversed() }
}
