extension BroadcastQueue {
  /// A post to make.
  struct Post: Sendable {
    let connection: Connection
    /// The number of the row in a broadcast to a range.
    var row = 0
    /// The number of 429 responses of the connection.
    var throttles = 0
    /// The number of later rounds in which the connection was posted to.
    var rounds = 0
    /// Whether the connection has used its second chance.
    var isSecondChance = false
    /// An upper bound of the probability that the account, not the client, caused all refusals; for a range only.
    var doubt = 1.0
    /// The error of an attempt without a response.
    var error: (any Error)?
    /// The time to start the post.
    var start: Instant
    /// Whether the rate limit set `start`, which may then be in the future.
    var isPaced = false

    /// Whether the connection was not posted to before.
    var isFirst: Bool { throttles == 0 && !isSecondChance }
  }

  /// The result of a post.
  enum Outcome: Sendable {
    case reached
    /// The connection is closed. The result is the row, if this broadcast deleted it.
    case gone(Result<Connection?, any Error>)
    /// The connection may be about to open, or did not answer: worth a second chance.
    case unsettled(any Error)
    case throttled(any Error)
    case failed(any Error)
    /// The deadline ended the post; the message may have arrived.
    case cutOff
    /// The deadline passed before the post.
    case notTried
  }

  /// The result of `plan`: the next actions of the broadcast.
  struct Plan: Equatable {
    /// The maximum number of posts that can start now.
    var posts = 0
    /// The time to call `plan` again if no task ends before.
    var wake: Instant?
    var isDone = false
  }
}

/// The deadline passed before the work was done.
struct DeadlineExceeded: Error, CustomStringConvertible {
  let description = "the deadline passed"
}
