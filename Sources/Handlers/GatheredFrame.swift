import AWS
import JSON

/// The frame of a round: as many of the waiting messages as it holds.
struct GatheredFrame {
  /// The largest frame: API Gateway's limit of a message.
  static let maximumBytes = ManagementAPI.maximumMessageBytes
  private static let start = Array(#"{"type":"messages","messages":["#.utf8)
  private static let end = Array("]}".utf8)

  let bytes: [UInt8]
  /// The ids of the messages in the frame.
  let ids: [MessageID]
  /// The waiting messages that are not in the frame.
  let left: ArraySlice<WaitingMessage>

  /// Takes the longest run of messages that fits. One message alone, and each message without an action, goes out by its
  /// own bytes.
  ///
  /// - Parameter waiting: messages in the order of their ids.
  /// - Returns: `nil` if there are none.
  init?(_ waiting: some RandomAccessCollection<WaitingMessage>) {
    guard let first = waiting.first else { return nil }
    let waiting = ArraySlice(waiting)
    var count = 1
    if first.kind == .message {
      var size = Self.start.count + first.frame.count + Self.end.count
      for message in waiting.dropFirst() {
        size += 1 + message.frame.count
        guard message.kind == .message, size <= Self.maximumBytes else { break }
        count += 1
      }
    }
    let taken = waiting.prefix(count)
    ids = taken.map(\.id)
    left = waiting.dropFirst(count)
    bytes = count == 1 ? first.frame : Self.start + Array(taken.map(\.frame).joined(separator: [0x2C])) + Self.end
  }

  /// Whether more messages wait than one frame holds.
  static func isExceeded(by waiting: some RandomAccessCollection<WaitingMessage>) -> Bool {
    GatheredFrame(waiting).map { !$0.left.isEmpty } ?? false
  }
}
