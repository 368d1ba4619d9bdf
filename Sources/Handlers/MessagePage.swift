/// Kept messages in the order in which they were read.
public struct MessagePage: Sendable, Equatable {
  /// The frames: JSON in UTF-8.
  public let frames: [[UInt8]]
  /// Whether there may be further messages in the direction of reading.
  public let hasMore: Bool

  /// Creates a page.
  public init(_ frames: [[UInt8]], hasMore: Bool) {
    self.frames = frames
    self.hasMore = hasMore
  }

  static let empty = MessagePage([], hasMore: false)

  /// The first frames that fit, with a comma between two.
  ///
  /// - Parameter bytes: the space for all of them.
  func fitting(bytes: Int) -> MessagePage {
    var left = bytes + 1
    let count = frames.prefix { frame in
      left -= frame.count + 1
      return left >= 0
    }.count
    return count == frames.count ? self : MessagePage(Array(frames.prefix(count)), hasMore: true)
  }
}
