/// A message to a large room that waits for the room's next round of delivery.
public struct WaitingMessage: Sendable, Equatable {
  /// The kinds of messages.
  public enum Kind: String, Sendable {
    /// A frame that the server stamped: several go out as one frame.
    case message
    /// A frame that goes out alone, as it is: a client's message without an action, or a moderator's deletion.
    case alone
  }

  /// The id; messages go out in its order.
  public let id: MessageID
  /// The kind.
  public let kind: Kind
  /// The frame that its readers receive: JSON in UTF-8.
  public let frame: [UInt8]

  /// Creates a message.
  ///
  /// - Parameters:
  ///   - id: the id.
  ///   - kind: the kind.
  ///   - frame: JSON in UTF-8.
  public init(id: MessageID, kind: Kind, frame: [UInt8]) {
    self.id = id
    self.kind = kind
    self.frame = frame
  }
}
