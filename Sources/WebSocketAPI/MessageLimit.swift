/// A limit on the messages of one connection: a rate, and a burst above it.
///
/// The generic cell rate algorithm (GCRA, ITU-T I.371): one number for each connection, the time at which it will have
/// paid for all its messages. Performs no I/O and reads no clock; times are microseconds since 1970.
public struct MessageLimit: Sendable, Equatable {
  /// A client is disconnected after so many times `burst` refused messages, of which `perSecond` are forgiven a second.
  static let floodFactor = 10

  /// Messages per second, at least 1.
  public let perSecond: Int
  /// Messages that may come at once, at least 1.
  public let burst: Int

  /// Creates a limit.
  public init(perSecond: Int, burst: Int) {
    self.perSecond = perSecond
    self.burst = burst
  }

  /// The state of one connection, kept in its row.
  struct State: Sendable, Equatable {
    /// The time at which all accepted messages are paid for; `nil` before the first.
    var paidAt: Int?
    /// The same for refused messages, with `floodFactor` times the burst.
    var floodPaidAt: Int?
  }

  /// The decision about a message.
  enum Decision: Sendable, Equatable {
    /// Accept it, once the state is written.
    case accept(State)
    /// Refuse it, once the state is written.
    case refuse(State, retryAfter: Duration)
    /// Disconnect the client.
    case disconnect
  }

  /// Decides about a message.
  func decide(_ state: State, now: Int) -> Decision {
    if let paidAt = payment(state.paidAt, now: now) {
      return .accept(State(paidAt: paidAt, floodPaidAt: state.floodPaidAt))
    }
    guard let floodPaidAt = flood.payment(state.floodPaidAt, now: now) else { return .disconnect }
    return .refuse(State(paidAt: state.paidAt, floodPaidAt: floodPaidAt), retryAfter: wait(state.paidAt, now: now))
  }

  /// The state after a message of a connection that has paid for all earlier ones.
  func first(now: Int) -> State { State(paidAt: now + interval, floodPaidAt: nil) }

  /// The wait after which a message of a connection is asked for again although the limit would accept it now: the time
  /// of one message, or longer if the connection has used up its burst.
  func pause(_ state: State, now: Int) -> Duration { max(.microseconds(interval), wait(state.paidAt, now: now)) }

  private var flood: MessageLimit {
    MessageLimit(perSecond: perSecond, burst: burst * Self.floodFactor)
  }

  private var interval: Int { 1_000_000 / perSecond }

  /// The latest time of payment at which another message is accepted.
  private func latest(now: Int) -> Int { now + (burst - 1) * interval }

  /// The time of payment with another message; `nil` if it exceeds the limit.
  private func payment(_ paidAt: Int?, now: Int) -> Int? {
    let start = max(paidAt ?? now, now)
    return start <= latest(now: now) ? start + interval : nil
  }

  private func wait(_ paidAt: Int?, now: Int) -> Duration {
    .microseconds(max(0, (paidAt ?? now) - latest(now: now)))
  }
}

/// The result of asking whether a connection may send a message.
public enum Admission: Sendable, Equatable {
  /// It may.
  case accepted(Connection)
  /// It has exceeded the limit, and may after a while.
  case refused(Connection, retryAfter: Duration)
  /// It continues although it has far exceeded the limit: it must be disconnected.
  case flood(Connection)
  /// There is no such connection.
  case unknown
}
