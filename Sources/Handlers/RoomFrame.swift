import AWS
import JSON

/// A frame that lists messages, people or both, cut so that it fits the largest frame.
struct RoomFrame {
  /// The size of the largest message frame, in bytes, chosen so that every page of history has room for one message.
  static let maximumMessageBytes = 127 * 1024
  /// The numbers of people to list, tried in this order until a message fits beside them.
  private static let userCounts = [People.maximumUsers, 10, 1]

  private let type: String
  private let you: Person?
  private let room: String?
  private let people: People?
  private let person: Person?

  /// The people of a room.
  static func who(_ people: People, including person: Person?) -> [UInt8] {
    RoomFrame(type: "who", you: nil, room: nil, people: people, person: person).start(users: People.maximumUsers).bytes
  }

  /// Kept messages.
  static func history(_ page: MessagePage, _ part: History.Part) -> [UInt8] {
    RoomFrame(type: "history", you: nil, room: nil, people: nil, person: nil).bytes(page, part)
  }

  /// The state of a room, for a person who entered.
  static func entered(
    _ person: Person, room: String, _ people: People, _ page: MessagePage, _ part: History.Part
  ) -> [UInt8] {
    RoomFrame(type: "entered", you: person, room: room, people: people, person: person).bytes(page, part)
  }

  private func bytes(_ page: MessagePage, _ part: History.Part) -> [UInt8] {
    let starts = (people == nil ? [0] : Self.userCounts).map { start(users: $0) }
    let nearest = page.frames.first?.count ?? 0
    var object = starts.first { nearest <= Self.space(after: $0) } ?? starts[starts.count - 1]
    let fitting = page.fitting(bytes: Self.space(after: object))
    object.add("messages", array: part.ascending(fitting))
    object.add("more", fitting.hasMore)
    return object.bytes
  }

  /// The bytes that are left for messages.
  private static func space(after start: JSONObjectText) -> Int {
    var object = start
    object.add("messages", array: [])
    object.add("more", false)
    return ManagementAPI.maximumMessageBytes - object.bytes.count
  }

  private func start(users: Int) -> JSONObjectText {
    var object = JSONObjectText()
    object.add("type", type)
    if let you { object.add("you", json: you.json) }
    if let room { object.add("room", room) }
    if let people {
      object.add("users", array: people.users(atMost: users, including: person).map(\.json))
      object.add("count", people.count)
    }
    return object
  }
}
