import JSON

/// A moderator's command: what is to be done, by whom and why.
struct ModerationCommand {
  enum Action {
    case delete(room: String, MessageID)
    case disconnect(user: String, room: String?)
    case ban(user: String, room: String?, seconds: Int)
    case unban(user: String, room: String?)
    case list(room: String, after: String?)
    case audit(before: MessageID?, limit: Int)
  }

  let action: Action
  private let fields: Fields

  /// Reads a command from a JSON object. An unknown field is refused: a misspelled `room` must not act on all rooms.
  init(json: [UInt8]) throws(InvalidCommand) {
    fields = try Fields.read(json)
    action =
      switch fields.command {
      case "delete": .delete(room: try fields.requiredRoom(), try fields.requiredID())
      case "disconnect": .disconnect(user: try fields.requiredUser(), room: try fields.checkedRoom())
      case "ban":
        .ban(user: try fields.requiredUser(), room: try fields.checkedRoom(), seconds: try fields.requiredSeconds())
      case "unban": .unban(user: try fields.requiredUser(), room: try fields.checkedRoom())
      case "list": .list(room: try fields.requiredRoom(), after: fields.after)
      case "audit": .audit(before: try fields.checkedBefore(), limit: try fields.checkedLimit())
      default: throw InvalidCommand("command must be delete, disconnect, ban, unban, list or audit")
      }
    guard action.isReading || fields.by?.isEmpty == false else {
      throw InvalidCommand("by is missing: who gives the command")
    }
    for text in [fields.by, fields.reason].compactMap({ $0 }) where text.unicodeScalars.count > 512 {
      throw InvalidCommand("by and reason may have 512 characters each")
    }
  }

  /// The entry of the audit trail, JSON.
  ///
  /// - Parameter until: the end of a ban, in seconds since 1970.
  func entry(id: MessageID, until: Int?) -> [UInt8] {
    var object = JSONObjectText()
    object.add("id", id.text)
    object.add("at", Timestamp.text(milliseconds: id.time))
    object.add("by", fields.by ?? "")
    object.add("command", fields.command)
    if let room = fields.room { object.add("room", room) }
    if let user = fields.user { object.add("user", user) }
    if let message = fields.id { object.add("message", message) }
    if let until { object.add("until", Timestamp.text(milliseconds: until * 1000)) }
    if let reason = fields.reason { object.add("reason", reason) }
    return object.bytes
  }
}

extension ModerationCommand.Action {
  /// Whether the command changes nothing.
  fileprivate var isReading: Bool {
    switch self {
    case .list, .audit: true
    case .delete, .disconnect, .ban, .unban: false
    }
  }
}

/// A command that cannot be carried out as it is.
struct InvalidCommand: Error, CustomStringConvertible {
  let description: String
  init(_ problem: String) { description = "The command is invalid: \(problem)." }
}

private struct Fields {
  /// A year.
  private static let banSeconds = 1...31_622_400
  private static let entryLimit = 1...100

  private enum Key: String, CodingKey, CaseIterable {
    case command, room, user, id, seconds, after, before, limit, by, reason
  }

  let command: String
  let room: String?
  let user: String?
  let id: String?
  let seconds: Int?
  let after: String?
  let before: String?
  let limit: Int?
  let by: String?
  let reason: String?

  static func read(_ json: [UInt8]) throws(InvalidCommand) -> Fields {
    guard let members = JSONScanner.members(of: json) else { throw InvalidCommand("it must be a JSON object") }
    guard members.keys.allSatisfy({ Key(rawValue: $0) != nil }) else {
      throw InvalidCommand("its fields are \(Key.allCases.map(\.rawValue).joined(separator: ", ")), and no others")
    }
    do {
      return try Fields(members)
    } catch {
      throw InvalidCommand("command is required, seconds and limit are whole numbers, and the other fields are strings")
    }
  }

  private init(_ members: [String: [UInt8]]) throws(JSONScanner.Mismatch) {
    func string(_ key: Key) throws(JSONScanner.Mismatch) -> String? {
      guard let json = members[key.rawValue] else { return nil }
      var scanner = JSONScanner(json)
      return scanner.null() ? nil : try scanner.string()
    }
    func integer(_ key: Key) throws(JSONScanner.Mismatch) -> Int? {
      guard let json = members[key.rawValue] else { return nil }
      var scanner = JSONScanner(json)
      if scanner.null() { return nil }
      guard let integer = Int(exactly: try scanner.number()) else { throw JSONScanner.Mismatch() }
      return integer
    }
    guard let command = try string(.command) else { throw JSONScanner.Mismatch() }
    self.command = command
    room = try string(.room)
    user = try string(.user)
    id = try string(.id)
    seconds = try integer(.seconds)
    after = try string(.after)
    before = try string(.before)
    limit = try integer(.limit)
    by = try string(.by)
    reason = try string(.reason)
  }

  func checkedRoom() throws(InvalidCommand) -> String? {
    guard let room else { return nil }
    guard ConnectParameters.isRoom(room) else { throw InvalidCommand("room \(ConnectParameters.roomRule)") }
    return room
  }

  func requiredRoom() throws(InvalidCommand) -> String {
    guard let room = try checkedRoom() else { throw InvalidCommand("room is missing") }
    return room
  }

  func requiredUser() throws(InvalidCommand) -> String {
    guard let user, (1...255).contains(user.utf8.count) else {
      throw InvalidCommand("user must be the id of a person, 1 to 255 bytes")
    }
    return user
  }

  func requiredID() throws(InvalidCommand) -> MessageID {
    guard let id = id.flatMap({ MessageID($0) }) else {
      throw InvalidCommand("id must be the id of a message, a UUID of version 7")
    }
    return id
  }

  func checkedBefore() throws(InvalidCommand) -> MessageID? {
    guard let before else { return nil }
    guard let id = MessageID(before) else { throw InvalidCommand("before must be the id of an entry") }
    return id
  }

  func requiredSeconds() throws(InvalidCommand) -> Int {
    guard let seconds, Self.banSeconds.contains(seconds) else {
      throw InvalidCommand("seconds must be a whole number from 1 to \(Self.banSeconds.upperBound)")
    }
    return seconds
  }

  func checkedLimit() throws(InvalidCommand) -> Int {
    guard let limit else { return Self.entryLimit.upperBound }
    guard Self.entryLimit.contains(limit) else { throw InvalidCommand("limit must be a whole number from 1 to 100") }
    return limit
  }
}
