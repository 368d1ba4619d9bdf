import Testing

@testable import Handlers

/// The frame of a round, from the messages that wait.
@Suite struct GatheredFrameTests {
  private func message(_ number: Int, _ kind: WaitingMessage.Kind = .message, bytes: Int = 7) -> WaitingMessage {
    let text = "{\"n\":\(number)" + String(repeating: " ", count: max(0, bytes - 7)) + "}"
    return WaitingMessage(
      id: MessageID(time: number, counter: 0, random: 0), kind: kind, frame: Array(text.utf8))
  }

  private func gather(_ messages: WaitingMessage...) throws -> (text: String, count: Int, left: Int) {
    let frame = try #require(GatheredFrame(messages))
    #expect(frame.ids == messages.prefix(frame.ids.count).map(\.id))
    return (String(decoding: frame.bytes, as: UTF8.self), frame.ids.count, frame.left.count)
  }

  @Test("Nothing waits: no frame")
  func empty() {
    #expect(GatheredFrame([]) == nil)
    #expect(!GatheredFrame.isExceeded(by: []))
  }

  @Test("One message goes out by its own bytes, several as one frame in order")
  func gathers() throws {
    #expect(try gather(message(1)) == (#"{"n":1}"#, 1, 0))
    #expect(
      try gather(message(1), message(2), message(3))
        == (#"{"type":"messages","messages":[{"n":1},{"n":2},{"n":3}]}"#, 3, 0))
  }

  @Test("A message without an action goes out alone, before and after others")
  func seeds() throws {
    #expect(try gather(message(1, .alone), message(2), message(3)) == (#"{"n":1}"#, 1, 2))
    #expect(try gather(message(1), message(2, .alone), message(3)) == (#"{"n":1}"#, 1, 2))
    #expect(try gather(message(1), message(2), message(3, .alone)).count == 2)
    #expect(try gather(message(1, .alone), message(2, .alone)) == (#"{"n":1}"#, 1, 1))
  }

  @Test("A frame has at most 131,072 bytes, and one message alone any number", arguments: [0, 1])
  func bounds(excess: Int) throws {
    // 33 bytes around two messages and a comma.
    let first = message(1, bytes: 65_000)
    let frame = try gather(first, message(2, bytes: 131_072 - 33 - 65_000 - 1 + excess), message(3))
    #expect(frame.count == (excess == 0 ? 2 : 1))
    #expect(frame.text.utf8.count == (excess == 0 ? 131_072 : 65_000))
    #expect(try gather(message(1, bytes: 131_072), message(2)).count == 1)
  }

  @Test("More waits than a frame holds if anything is left")
  func exceeded() {
    #expect(!GatheredFrame.isExceeded(by: [message(1), message(2)]))
    #expect(GatheredFrame.isExceeded(by: [message(1), message(2, .alone)]))
    #expect(GatheredFrame.isExceeded(by: [message(1, bytes: 100_000), message(2, bytes: 100_000)]))
  }
}
