import JSON
import WebSocketAPI

/// An event of the function `deliver`.
struct DeliverEvent: Equatable {
  enum Work: Equatable {
    /// `{"room"}`: start a round if messages wait.
    case start
    /// `{"room","delivery","range":["0000","1fff"]}`: send a round's frame to a range of the room.
    case range(MessageID, RoomRange)
  }

  let room: String
  let work: Work

  init(room: String, work: Work) {
    self.room = room
    self.work = work
  }

  /// Reads an event.
  ///
  /// - Throws: `InvalidDeliverEvent`, which names the invalid field and never quotes its value.
  init(json: [UInt8]) throws(InvalidDeliverEvent) {
    guard JSONText.isValid(json) else { throw InvalidDeliverEvent("it is not JSON") }
    guard let fields = JSONScanner.members(of: json) else { throw InvalidDeliverEvent("it is not an object") }
    let room = try Self.field("room", of: fields) { JSONScanner.string(of: $0) }
    let round = try Self.field("delivery", of: fields) { JSONScanner.string(of: $0) }
    let bounds = try Self.field("range", of: fields) { range -> [String]? in
      let texts = JSONScanner.elements(of: range)?.map { JSONScanner.string(of: $0) }
      return texts.flatMap { texts in texts.contains(nil) ? nil : texts.compactMap(\.self) }
    }
    guard let room else { throw InvalidDeliverEvent("room is missing") }
    guard ConnectParameters.isRoom(room) else { throw InvalidDeliverEvent("room \(ConnectParameters.roomRule)") }
    self.room = room
    self.work = try Self.work(round, bounds)
  }

  /// - Returns: `nil` if the field is missing.
  private static func field<Value>(
    _ name: String, of fields: [String: [UInt8]], read: ([UInt8]) -> Value?
  ) throws(InvalidDeliverEvent) -> Value? {
    guard let json = fields[name] else { return nil }
    guard let value = read(json) else { throw InvalidDeliverEvent("\(name) is of the wrong type") }
    return value
  }

  private static func work(_ round: String?, _ bounds: [String]?) throws(InvalidDeliverEvent) -> Work {
    guard let round else {
      guard bounds == nil else { throw InvalidDeliverEvent("delivery is missing") }
      return .start
    }
    guard let id = MessageID(round) else { throw InvalidDeliverEvent("delivery must be a UUID of version 7") }
    guard let bounds else { throw InvalidDeliverEvent("range is missing") }
    guard bounds.count == 2, let range = RoomRange(lower: bounds[0], upper: bounds[1]) else {
      throw InvalidDeliverEvent("range must be two bounds of four lower-case hexadecimal digits, the lower one first")
    }
    return .range(id, range)
  }

  /// The event as JSON.
  var json: [UInt8] {
    var object = JSONObjectText()
    object.add("room", room)
    if case .range(let round, let range) = work {
      object.add("delivery", round.text)
      object.add("range", strings: [range.lowerText, range.upperText])
    }
    return object.bytes
  }
}

/// An event of the function `deliver` that cannot be handled.
struct InvalidDeliverEvent: Error, Equatable, CustomStringConvertible {
  let description: String
  init(_ problem: String) { description = "The event is invalid: \(problem)." }
}
