import AWS
import JSON
import WebSocketAPI

/// A frame that lists messages, people or both, cut so that it fits the largest frame.
///
/// The most people with the longest ids and names take 80 KB and a message of the largest frame 35 KB, so that at least
/// one message always fits.
struct RoomFrame {
  private var object = JSONObjectText()

  private init(type: String) { object.add("type", type) }

  /// The people of a room.
  static func who(_ people: People, including person: Person?) -> [UInt8] {
    var frame = RoomFrame(type: "who")
    frame.add(people, including: person)
    return frame.object.bytes
  }

  /// Kept messages.
  static func history(_ page: MessagePage, _ part: History.Part) -> [UInt8] {
    var frame = RoomFrame(type: "history")
    frame.add(page, part)
    return frame.object.bytes
  }

  /// The state of a room, for a connection that entered.
  static func entered(
    _ connection: Connection, _ people: People, _ page: MessagePage, _ part: History.Part
  ) -> [UInt8] {
    let person = Person(connection)
    var frame = RoomFrame(type: "entered")
    frame.object.add("you", json: person.json)
    frame.object.add("room", connection.room)
    if connection.isReadOnly { frame.object.add("access", "read") }
    frame.add(people, including: person)
    frame.add(page, part)
    return frame.object.bytes
  }

  private mutating func add(_ people: People, including person: Person?) {
    object.add("users", array: people.users(including: person).map(\.json))
    object.add("count", people.count)
  }

  /// Adds the messages that fit.
  private mutating func add(_ page: MessagePage, _ part: History.Part) {
    let fitting = page.fitting(bytes: space)
    object.add("messages", array: part.ascending(fitting))
    object.add("more", fitting.hasMore)
  }

  /// The bytes that are left for messages.
  private var space: Int {
    var object = object
    object.add("messages", array: [])
    object.add("more", false)
    return ManagementAPI.maximumMessageBytes - object.bytes.count
  }
}
