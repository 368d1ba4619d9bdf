#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The table of connections, whose rows are computed. It keeps no writes but deletions.
final class ConnectionsTable {
  private let rooms: [Room]
  private let timestamp: String
  private let expiresAt: String

  init(rooms: [Room]) {
    self.rooms = rooms
    // An hour ago, so that no row counts as a connection whose handshake is still in progress.
    let opened = Date().addingTimeInterval(-3600)
    timestamp = opened.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    expiresAt = String(Int(opened.timeIntervalSince1970) + 86_400)
  }

  func perform(_ target: String, _ request: DynamoDBRequest) throws(DynamoDBError) -> [UInt8] {
    if target == "Query" { return try query(request) }
    guard let id = try request.key()["connectionId"]?.string, let (index, number) = Room.parse(id.utf8),
      rooms.indices.contains(index), rooms[index].people > number
    else { throw .validation("the key is no connection of the model") }
    let room = rooms[index]
    let row = room.hasRow(number) ? self.row(room, number) : nil
    switch target {
    case "GetItem": return DynamoDBModel.object("Item", row.map(request.project))
    case "UpdateItem":
      try request.check(row)
      return DynamoDBModel.object("Attributes", try request.update(row ?? [:]))
    case "DeleteItem":
      try request.check(row)
      room.delete(number)
      return DynamoDBModel.object("Attributes", request.returnValues == "ALL_OLD" ? row : nil)
    default: throw .validation("\(target) of \(request.table) is not modelled")
    }
  }

  private func query(_ request: DynamoDBRequest) throws(DynamoDBError) -> [UInt8] {
    guard request.index == "room" else { throw .validation("the index \(request.index ?? "") is not modelled") }
    guard let name = try request.partition("room") else { throw .validation("no condition on room") }
    guard let room = rooms.first(where: { $0.name == name }) else { return DynamoDBModel.page([], next: nil) }
    let bounds = try request.bounds("roomKey")
    let start = try request.start()?["roomKey"]?.string
    let page = room.page(
      from: bounds?.lower ?? "", to: bounds?.upper, after: start, limit: request.limit ?? DynamoDBModel.pageLimit)
    guard let names = request.projection else { throw .validation("a query of the index needs a projection") }
    let items = page.numbers.map { text(room, $0, names) }
    let last = page.isCut ? page.numbers.last.map { row(room, $0) } : nil
    let key = last?.filter { ["room", "roomKey", "connectionId"].contains($0.key) }
    return DynamoDBModel.page(items, next: key)
  }

  /// The JSON of a row's attributes. Written directly: the dictionaries of a page would stop the model for milliseconds.
  private func text(_ room: Room, _ number: Int, _ names: [String]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(160)
    for name in names {
      text.append(UInt8(ascii: text.isEmpty ? "{" : ","))
      text += "\"\(name)\":".utf8
      switch name {
      case "connectionId": text += "{\"S\":\"\(room.id(number))\"}".utf8
      case "timestamp": text += "{\"S\":\"\(timestamp)\"}".utf8
      case "expiresAt": text += "{\"N\":\"\(expiresAt)\"}".utf8
      case "userId": text += "{\"S\":\"person-\(number)\"}".utf8
      case "name": text += "{\"S\":\"Person \(number)\"}".utf8
      case "roomKey": text += "{\"S\":\"\(room.roomKey(number))\"}".utf8
      default: text += "{\"N\":\"1\"}".utf8
      }
    }
    return text + "}".utf8
  }

  private func row(_ room: Room, _ number: Int) -> Attribute.Item {
    [
      "connectionId": .string(room.id(number)), "room": .string(room.name), "roomKey": .string(room.roomKey(number)),
      "timestamp": .string(timestamp), "expiresAt": .number(expiresAt), "userId": .string("person-\(number)"),
      "name": .string("Person \(number)"), "enteredAt": .number("1"),
    ]
  }
}
