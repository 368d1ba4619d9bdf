import Foundation
import Testing
import WebSocketAPI

@testable import Handlers

/// Who is in a room, by a sample of its connections.
@Suite struct PeopleTests {
  private func row(_ id: String, user: String? = nil, entered: Int? = 1, expires: Int? = nil) -> Connection {
    Connection(connectionID: id, timestamp: nil, expiresAt: expires, userID: user ?? id, name: id, enteredAt: entered)
  }

  private func people(_ rows: [Connection], share: Double = 1) -> People {
    People(RoomSample(rows, share: share), now: Date(timeIntervalSince1970: 100))
  }

  @Test("People are in the order in which they entered, each once")
  func order() {
    let people = people([
      row("b", entered: 3), row("a", entered: 3), row("c2", user: "c", entered: 2), row("c1", user: "c", entered: 5),
      row("n", entered: nil), row("x", expires: 100), row("y", expires: 101),
    ])
    #expect(people.users(including: nil).map(\.name) == ["y", "c2", "a", "b"])
    #expect(people.count == 4)
    #expect(people.connections(of: "c").map(\.connectionID) == ["c2", "c1"])
  }

  @Test("The list has at most the given number of people, and contains the given person")
  func listed() {
    let people = people((0..<200).map { (number: Int) in row("p\(number)", entered: number) })
    #expect(people.count == 200)
    #expect(people.users(including: nil).count == 100)
    let last = Person(row("p199"))
    #expect(people.users(including: last).map(\.id) == (0..<99).map { "p\($0)" } + ["p199"])
    #expect(people.users(including: Person(row("p50"))).map(\.id) == (0..<100).map { "p\($0)" })
  }

  @Test("A person in the sample and the person itself count once; those who left do not count")
  func ownAndGone() {
    let sample = RoomSample([row("a", entered: 5), row("b"), row("c")])
    let people = People(sample, including: row("a", entered: 2), without: ["b"], now: Date(timeIntervalSince1970: 0))
    #expect(people.connections.map(\.connectionID) == ["c", "a"])
    #expect(people.connections.last?.enteredAt == 2)
  }

  @Test("Of a room larger than a page, the number of people is estimated from the share that was read")
  func estimate() {
    let sample = people((0..<1000).map { row("p\($0)") }, share: 0.25)
    #expect(sample.count == 4000)
    #expect(!sample.isComplete)
    #expect(people([], share: 0.5).count == 0)
  }
}
