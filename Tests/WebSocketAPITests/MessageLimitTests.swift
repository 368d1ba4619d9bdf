import Testing

@testable import WebSocketAPI

/// The limit on the messages of one connection, without a clock.
@Suite struct MessageLimitTests {
  private let limit = MessageLimit(perSecond: 5, burst: 20)
  private let start = 1_795_622_400_000_000

  /// Sends messages at a steady rate.
  ///
  /// - Returns: the decisions until the client is disconnected.
  private func run(_ count: Int, perSecond: Int, from state: MessageLimit.State = .init()) -> [MessageLimit.Decision] {
    var state = state
    var decisions: [MessageLimit.Decision] = []
    for number in 0..<count {
      let decision = limit.decide(state, now: start + number * 1_000_000 / perSecond)
      decisions.append(decision)
      switch decision {
      case .accept(let next), .refuse(let next, _): state = next
      case .disconnect: return decisions
      }
    }
    return decisions
  }

  private func accepted(_ decisions: [MessageLimit.Decision]) -> Int {
    decisions.count { if case .accept = $0 { true } else { false } }
  }

  @Test("A burst is accepted at once, and the next message when one of them is paid for")
  func burst() {
    let decisions = run(21, perSecond: 1_000_000)
    #expect(accepted(decisions) == 20)
    // 20 messages take 4 s; the 21st comes 20 µs after the first.
    guard case .refuse(let state, let retryAfter) = decisions[20] else { return #expect(Bool(false)) }
    #expect(retryAfter == .microseconds(200_000 - 20))
    #expect(state.paidAt == start + 4_000_000)
    let later = start + 20 + 199_980
    #expect(
      limit.decide(state, now: later - 1) != .accept(.init(paidAt: start + 4_200_000, floodPaidAt: state.floodPaidAt)))
    #expect(
      limit.decide(state, now: later) == .accept(.init(paidAt: start + 4_200_000, floodPaidAt: state.floodPaidAt)))
  }

  @Test("Messages at the rate are always accepted")
  func steady() { #expect(accepted(run(10_000, perSecond: 5)) == 10_000) }

  @Test("Above the rate, so many are accepted that burst and rate allow", arguments: [6, 10])
  func above(perSecond: Int) {
    let decisions = run(100 * perSecond, perSecond: perSecond)
    #expect(decisions.count == 100 * perSecond)
    // 100 s, of which the last message is a fraction short.
    #expect((519...520).contains(accepted(decisions)))
  }

  @Test("A client is disconnected after ten bursts of refused messages, of which the rate is forgiven")
  func flood() {
    // As many are refused as forgiven.
    #expect(run(100_000, perSecond: 10).last != .disconnect)
    #expect(run(100_000, perSecond: 12).last == .disconnect)
    let flood = run(10_000, perSecond: 200)
    #expect(flood.last == .disconnect)
    // A burst and the rate of a second are accepted, then 200 and the rate of a second refused.
    #expect((220...235).contains(flood.count))
    #expect((24...27).contains(accepted(flood)))
  }

  @Test("A state from another clock, or of another limit, never traps", arguments: [0, -1, Int.max / 2, Int.min / 2])
  func strange(value: Int) {
    _ = limit.decide(.init(paidAt: value, floodPaidAt: value), now: start)
    _ = limit.decide(.init(paidAt: nil, floodPaidAt: value), now: 0)
  }

  @Test("A limit of one message at a time")
  func one() {
    let one = MessageLimit(perSecond: 1, burst: 1)
    guard case .accept(let state) = one.decide(.init(), now: start) else { return #expect(Bool(false)) }
    #expect(state == one.first(now: start))
    guard case .refuse(_, let retryAfter) = one.decide(state, now: start + 1) else { return #expect(Bool(false)) }
    #expect(retryAfter == .microseconds(999_999))
  }
}
