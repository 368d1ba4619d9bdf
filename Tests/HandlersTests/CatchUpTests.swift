import Foundation
import Testing
import WebSocketAPI
import WebSocketAPITestSupport

@testable import Handlers

/// A reader that is cut off at random ends with every message, once each and in order, by the rules of docs/protocol.md.
@Suite(.timeLimit(.minutes(10)))
struct CatchUpTests {
  /// A reader, by the rules: catch up after each connect, and once more a few seconds later.
  private final class Reader {
    private let room: TestRoom
    private(set) var ids: Set<String> = []
    private var place: String?

    init(_ room: TestRoom) { self.room = room }

    /// Records the ids in the frames that were delivered to a connection.
    func receive(_ connection: String) throws {
      ids.formUnion(try room.frames(connection).compactMap(\.id))
    }

    func enter(_ connection: String) async throws {
      try receive(connection)
      let after = place.map { #","after":"\#($0)""# } ?? ""
      try await room.send(#"{"action":"enter"\#(after)}"#, from: connection)
      try await follow(connection, wasAfter: place != nil)
    }

    /// The repeated catch-up, from 30 s before the end of the first one.
    func askOnceMore(_ connection: String) async throws {
      guard let id = place.flatMap({ MessageID($0) }) else { return }
      let after = MessageID.first(at: id.time - 30_000).text
      try await room.send(#"{"action":"history","after":"\#(after)","limit":100}"#, from: connection)
      try await follow(connection, wasAfter: true)
    }

    private func follow(_ connection: String, wasAfter: Bool) async throws {
      var page = try read(connection)
      while wasAfter, page.more == true, let last = place {
        try await room.send(#"{"action":"history","after":"\#(last)","limit":100}"#, from: connection)
        page = try read(connection)
      }
    }

    private func read(_ connection: String) throws -> ReceivedFrame {
      var answer: ReceivedFrame?
      for frame in try room.frames(connection) {
        if let id = frame.id { ids.insert(id) }
        if frame.type == "entered" || frame.type == "history" { answer = frame }
      }
      let page = try #require(answer)
      let messages = (page.messages ?? []).compactMap(\.id)
      ids.formUnion(messages)
      place = messages.last ?? place
      return page
    }
  }

  @Test("Nothing is missed, with an index that lags behind and messages that are kept out of order", arguments: 0..<20)
  func missesNothing(seed: Int) async throws {
    var random = SplitMix(state: UInt64(seed))
    // 50 ms between two events, so that a late message is late by less than 30 s in all.
    let room = TestRoom(step: 0.05)
    try await room.connect("w1=", ["room": ["r"]])
    try await room.connect("w2=", ["room": ["r"]])
    let reader = Reader(room)
    var sent = 0
    /// Messages that were stamped and are not kept yet.
    var late: [(id: MessageID, frame: [UInt8])] = []

    func write(_ count: Int) async throws {
      for _ in 0..<count {
        sent += 1
        if Int.random(in: 0..<10, using: &random) == 0 {
          // Another function's clock is behind by up to 20 s, and its write takes until after the next messages.
          let time = room.chat.now().milliseconds - Int.random(in: 0..<20_000, using: &random)
          let id = MessageID(time: time, counter: 0, random: random.next())
          late.append((id, Array(#"{"type":"message","id":"\#(id.text)","message":\#(sent)}"#.utf8)))
        } else {
          try await room.send(
            #"{"action":"send","message":\#(sent)}"#, from: Bool.random(using: &random) ? "w1=" : "w2=")
        }
        if Int.random(in: 0..<4, using: &random) == 0, !late.isEmpty {
          let (id, frame) = late.removeFirst()
          try await room.messages.keep(frame, id: id, room: "r")
        }
      }
    }

    for cut in 0..<30 {
      let connection = "reader\(cut)="
      try await room.connect(connection, ["room": ["r"]])
      // The index does not show the new connection yet, nor that the last one is gone.
      room.store.state.withLock { state in state.indexed = state.rows.filter { $0.connectionID != connection } }
      try await write(Int.random(in: 0..<4, using: &random))
      try await reader.enter(connection)
      try await write(Int.random(in: 0..<6, using: &random))
      room.store.state.withLock { $0.indexed = nil }
      try await reader.askOnceMore(connection)
      try await write(Int.random(in: 0..<8, using: &random))
      // Cut off: some of the delivered frames were never read.
      if Bool.random(using: &random) { try reader.receive(connection) } else { room.clear() }
      _ = try await room.disconnect(connection)
      try await write(Int.random(in: 0..<20, using: &random))
    }
    for (id, frame) in late { try await room.messages.keep(frame, id: id, room: "r") }
    try await room.connect("last=", ["room": ["r"]])
    try await reader.enter("last=")
    try await reader.askOnceMore("last=")
    let kept = room.messages.state.withLock { $0.kept["r"]?.keys.map(\.text) ?? [] }
    #expect(kept.count == sent)
    #expect(reader.ids.sorted() == kept.sorted())
  }
}

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
