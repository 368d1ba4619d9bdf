import JWT

/// The rooms that a person may enter, from a claim of the token.
///
/// The claim is a list of entries, or a string of entries separated by spaces or commas. An entry is a room, or the
/// beginning of rooms and `*`, and may end in `:read` or `:write`, which is the default. Of several entries that match a
/// room, the one with more rights counts.
struct RoomRights: Equatable {
  enum Access: String {
    case read, write
  }

  private struct Entry: Equatable {
    let name: String
    let isPrefix: Bool
    let access: Access
  }

  private let entries: [Entry]

  /// Returns `nil` for a claim of another form: such a token gives no rights.
  init?(_ claim: JSONValue) {
    let texts: [String]
    if let string = claim.string {
      texts = string.split { $0 == " " || $0 == "," }.map(String.init)
    } else if let strings = claim.strings {
      texts = strings
    } else {
      return nil
    }
    var entries: [Entry] = []
    for text in texts {
      guard let entry = Self.entry(text) else { return nil }
      entries.append(entry)
    }
    self.entries = entries
  }

  private static func entry(_ text: String) -> Entry? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2, let access = parts.count == 2 ? Access(rawValue: parts[1]) : .write else { return nil }
    let isPrefix = parts[0].hasSuffix("*")
    let name = isPrefix ? String(parts[0].dropLast()) : parts[0]
    guard name.isEmpty ? isPrefix : name.unicodeScalars.allSatisfy({ $0.isRoomCharacter }) else { return nil }
    return Entry(name: name, isPrefix: isPrefix, access: access)
  }

  /// The person's right in a room; `nil`: the person may not enter.
  func access(to room: String) -> Access? {
    let found = entries.filter { $0.isPrefix ? room.hasPrefix($0.name) : room == $0.name }
    return found.contains { $0.access == .write } ? .write : found.isEmpty ? nil : .read
  }
}
