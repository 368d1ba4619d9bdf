import JWT
import Testing

@testable import Handlers

/// The rooms that a claim allows.
@Suite struct RoomRightsTests {
  private func access(_ claim: JSONValue, _ room: String) -> RoomRights.Access? { RoomRights(claim)?.access(to: room) }

  @Test("Entries are rooms or beginnings of rooms, with write as the default; the one with more rights counts")
  func entries() {
    let claim = JSONValue.array(["kitchen", "hall:read", "team-*", "news-*:read", "news-eu:write"].map { .string($0) })
    let expected: [String: RoomRights.Access] = [
      "kitchen": .write, "hall": .read, "team-": .write, "team-a": .write, "news-us": .read, "news-eu": .write,
    ]
    for (room, access) in expected { #expect(self.access(claim, room) == access, "\(room)") }
    for room in ["kitchen2", "Kitchen", "kitche", "team", "news", "lobby", "*", ""] {
      #expect(access(claim, room) == nil, "\(room)")
    }
  }

  @Test("A string holds entries between spaces or commas")
  func text() {
    #expect(access(.string("a:read, b  c"), "a") == .read)
    #expect(access(.string("a:read, b  c"), "c") == .write)
    #expect(access(.string(""), "a") == nil)
    #expect(access(.string("*:read a"), "a") == .write)
    #expect(access(.string("*:read a"), "b") == .read)
    #expect(access(.array([]), "a") == nil)
  }

  @Test(
    "A claim of another form gives no rights at all",
    arguments: [
      .null, .bool(true), .number(1), .object(["a": .string("write")]), .array([.string("a"), .number(1)]),
      .array([.string("a"), .string("")]), .array([.string("a:admin")]), .array([.string("a:read:write")]),
      .array([.string(":read")]), .array([.string("a*b")]), .array([.string("**")]), .string("a:"), .string("a b/c"),
      .array([.string("é")]),
    ] as [JSONValue])
  func malformed(claim: JSONValue) { #expect(RoomRights(claim) == nil) }
}
