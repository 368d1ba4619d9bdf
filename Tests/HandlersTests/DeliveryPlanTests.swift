import Testing
import WebSocketAPI

@testable import Handlers

/// The number of workers, and their posts a second.
@Suite struct DeliveryPlanTests {
  @Test(
    "One worker for each 1,000 people and each 1,000 posts a second, 1 to 64",
    arguments: [
      (0.0, 8000, 1), (1, 8000, 1), (1000, 8000, 1), (1001, 8000, 2), (2500, 8000, 3), (1e6, 8000, 8), (1e6, 1, 1),
      (1e6, 2500, 3), (1e6, 1_000_000, 64), (1e12, 1_000_000, 64), (5000, 1_000_000, 5),
    ])
  func workers(people: Double, postsPerSecond: Int, count: Int) {
    #expect(DeliveryPlan.rangeCount(people: people, postsPerSecond: postsPerSecond) == count)
  }

  @Test("A room's size is that of its only page, or an estimate from the share of the keys that the page covers")
  func people() {
    let page = (0..<10).map { Connection(connectionID: "\($0)", timestamp: nil, expiresAt: nil) }
    #expect(DeliveryPlan.people(ConnectionPage(page, next: nil)) == 10)
    for next in ["a", "b", "c", "d"] {
      let share = RoomKey.share(upTo: RoomKey.of(next))
      #expect(DeliveryPlan.people(ConnectionPage(page, next: next)) == 10 / share)
    }
  }

  private func delivery(_ round: Int, ranges: Int, until: Int = 100) -> Delivery {
    Delivery(
      room: "r\(round)", round: MessageID.first(at: round), ranges: Set((0..<ranges).map { "\($0)" }), until: until)
  }

  @Test("Each delivery has an equal share, and each of its unfinished ranges")
  func rate() {
    func rate(_ deliveries: [Delivery]) -> Double {
      DeliveryPlan.rate(of: MessageID.first(at: 1), among: deliveries, postsPerSecond: 8000, now: 50)
    }
    #expect(rate([]) == 8000)
    #expect(rate([delivery(1, ranges: 8)]) == 1000)
    #expect(rate([delivery(1, ranges: 8), delivery(2, ranges: 1)]) == 500)
    // An expired lease has no share; a worker whose lease another round has taken still has one.
    #expect(rate([delivery(1, ranges: 2), delivery(2, ranges: 1, until: 50)]) == 4000)
    #expect(rate([delivery(1, ranges: 2, until: 50)]) == 4000)
    #expect(rate([delivery(2, ranges: 1), delivery(3, ranges: 5)]) == 8000.0 / 3)
    #expect(rate([delivery(1, ranges: 0)]) == 8000)
  }

  @Test("A queue needs a start without a lease that is in force, or with a start that was not completed in time")
  func needsStart() {
    var delivery = delivery(1, ranges: 1)
    #expect(!delivery.needsStart(at: 99))
    #expect(delivery.needsStart(at: 100))
    delivery.startBy = 80
    #expect(!delivery.needsStart(at: 79))
    #expect(delivery.needsStart(at: 80))
    // Workers renew the lease of a round whose start died.
    delivery.until = 1000
    #expect(delivery.needsStart(at: 80))
  }

  @Test(
    "Rooms are of five sizes",
    arguments: zip(
      [0, 100, 101, 1000, 1001, 10_000, 10_001, 100_000, 100_001],
      [
        RoomSize.to100, .to100, .to1000, .to1000, .to10000, .to10000, .to100000, .to100000, .above,
      ]))
  func size(people: Int, size: RoomSize) {
    #expect(RoomSize(people: people) == size)
  }

  @Test("A value counts for 10 s, the latest one of a name; their number is bounded")
  func recentValues() {
    let values = RecentValues<Int>()
    values.set(7, for: "r", now: 0)
    #expect(values.value(for: "r", now: 9999) == 7)
    #expect(values.value(for: "r", now: 10_000) == nil)
    #expect(values.value(for: "x", now: 0) == nil)
    for number in 0..<2000 { values.set(number, for: "\(number)", now: 1) }
    #expect(values.value(for: "1999", now: 1) == nil)
    values.set(8, for: "r", now: 2)
    #expect(values.value(for: "r", now: 10_001) == 8)
    // Expired ones make room.
    values.set(9, for: "1999", now: 20_000)
    #expect(values.value(for: "1999", now: 20_000) == 9)
  }
}
