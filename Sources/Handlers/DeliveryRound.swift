import WebSocketAPI

/// One frame on its way to everyone in a large room.
public struct DeliveryRound: Sendable, Equatable {
  /// The id, made when the round began.
  public let id: MessageID
  /// The frame: JSON in UTF-8.
  public let frame: [UInt8]
  /// The ids of the messages in the frame.
  public let messages: [MessageID]
  /// The number of equal ranges into which the room is split.
  public let rangeCount: Int

  /// Creates a round.
  ///
  /// - Parameters:
  ///   - id: the id.
  ///   - frame: JSON in UTF-8.
  ///   - messages: the ids of the messages in the frame.
  ///   - rangeCount: the number of ranges, at least 1.
  public init(id: MessageID, frame: [UInt8], messages: [MessageID], rangeCount: Int) {
    self.id = id
    self.frame = frame
    self.messages = messages
    self.rangeCount = rangeCount
  }

  /// The ranges in order.
  var ranges: [RoomRange] { RoomRange.all.split(into: rangeCount) }
}
