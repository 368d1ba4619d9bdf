import Foundation
import Testing

@testable import Handlers

/// Ids of messages: UUIDs of version 7 (RFC 9562).
@Suite struct MessageIDTests {
  @Test("The example of RFC 9562, appendix A.6")
  func example() throws {
    let text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    let id = try #require(MessageID(text))
    #expect(id.text == text)
    #expect(id.time == 1_645_557_742_000)
    #expect(MessageID(time: 1_645_557_742_000, counter: 0xCC3, random: 0x18C4_DC0C_0C07_398F) == id)
    #expect(MessageID(text.uppercased()) == id)
  }

  @Test(
    "Text that is not a UUID of version 7 is rejected",
    arguments: [
      "", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
      "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
      "017f22e2-79b0-7cc3-d8c4-dc0c0c07398f", "017f22e279b07cc398c4dc0c0c07398f",
      "{017f22e2-79b0-7cc3-98c4-dc0c0c0739}",
      "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e2+79b0-7cc3-98c4-dc0c0c07398f",
      "\u{FF10}17f22e2-79b0-7cc3-98c4-dc0c0c07398", "00000000-0000-0000-0000-000000000000",
      "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ])
  func refusesOtherTexts(text: String) {
    #expect(MessageID(text) == nil)
  }

  @Test("Any time is brought into the range of an id", arguments: [Int.min, -1, 0, 1 << 48, Int.max])
  func clampsTime(time: Int) throws {
    let id = MessageID(time: time, counter: .max, random: .max)
    #expect(id.time == min(max(time, 0), 1 << 48 - 1))
    #expect(MessageID(id.text) == id)
  }

  @Test("The successor is the next value, and the greatest value is its own successor")
  func neighbours() throws {
    let id = try #require(MessageID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"))
    #expect(id.successor.text == "017f22e2-79b0-7cc3-98c4-dc0c0c073990")
    #expect(id.successor.predecessor == id)
    #expect(MessageID.greatest.successor == .greatest)
    #expect(MessageID.first(at: 0).text == "00000000-0000-7000-8000-000000000000")
  }

  @Test("Ids ascend, and so do their texts, also if the clock is set back")
  func ascends() {
    var random = SystemRandomNumberGenerator()
    var sequence = MessageIDSequence()
    var now = 1_795_622_400_000
    var ids: [MessageID] = []
    for step in 0..<20_000 {
      // 5,000 ids in one millisecond exhaust the counter; then the clock steps back, stands still and continues.
      if step == 5000 { now -= 1500 }
      if step > 12_000 { now += step % 3 }
      ids.append(sequence.next(now: now, using: &random))
    }
    #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    #expect(ids.map(\.text) == ids.map(\.text).sorted())
    #expect(ids.allSatisfy { MessageID($0.text) == $0 })
  }

  @Test("Ids follow a clock that is set back by more than ten seconds")
  func followsClock() {
    var random = SystemRandomNumberGenerator()
    var sequence = MessageIDSequence()
    _ = sequence.next(now: 1_795_622_400_000, using: &random)
    #expect(sequence.next(now: 1_795_622_390_000, using: &random).time == 1_795_622_400_000)
    #expect(sequence.next(now: 1_795_622_389_999, using: &random).time == 1_795_622_389_999)
  }

  @Test("Two processes make different ids in the same millisecond")
  func differs() {
    #expect(Set((0..<1000).map { _ in MessageIDs().next(now: 1_795_622_400_000) }).count == 1000)
  }

  @Test("Timestamps are exact for every millisecond, and agree with Foundation's calendar")
  func timestamps() throws {
    #expect(Timestamp.text(milliseconds: 0) == "1970-01-01T00:00:00.000Z")
    #expect(Timestamp.text(milliseconds: 951_782_400_000) == "2000-02-29T00:00:00.000Z")
    #expect(Timestamp.text(milliseconds: -5) == "1970-01-01T00:00:00.000Z")
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let time = Int.random(in: 0..<7_258_118_400_000, using: &random)
      let parts = calendar.dateComponents(
        [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: Double(time / 1000)))
      let expected = String(
        format: "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0,
        parts.hour ?? 0, parts.minute ?? 0, parts.second ?? 0, time % 1000)
      #expect(Timestamp.text(milliseconds: time) == expected)
    }
  }
}
