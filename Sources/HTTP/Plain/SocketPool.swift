import EventLoop

/// The connections of a `SocketTransport`: keeps idle ones, and limits all. Created anywhere, used on the loop's thread
/// only.
final class SocketPool: @unchecked Sendable {
  /// The way to a connection for a request.
  enum Admission {
    /// An idle connection, which is now the request's.
    case kept(SocketConnection)
    /// The request may open a connection.
    case new
    /// There is no room: the pool calls `SocketExchange.connect` as soon as there is.
    case wait
  }

  private let maximumConnections: Int
  /// The last used one at the end.
  private var idle: [SocketConnection] = []
  /// The number of requests with a connection, or with permission to open one.
  private var active = 0
  private var waiting: [SocketExchange] = []
  private var isAdmitting = false

  init(maximumConnections: Int) { self.maximumConnections = maximumConnections }

  /// Admits a request, which calls `leave` when it ends.
  func enter(_ exchange: SocketExchange, authority: String) -> Admission {
    while let index = idle.lastIndex(where: { $0.authority == authority }) {
      let connection = idle.remove(at: index)
      // The peer may have closed it, or announced that it will.
      guard connection.isIdle else { continue }
      active += 1
      return .kept(connection)
    }
    guard active < maximumConnections else {
      waiting.append(exchange)
      return .wait
    }
    // An idle connection to another host makes room.
    if active + idle.count >= maximumConnections { idle.removeFirst() }
    active += 1
    return .new
  }

  /// Ends a request.
  ///
  /// - Parameter connection: Its connection, if that can be used again.
  func leave(_ connection: SocketConnection?) {
    active -= 1
    if let connection {
      connection.lastUse = .now
      idle.append(connection)
    }
    guard !isAdmitting else { return }
    isAdmitting = true
    defer { isAdmitting = false }
    // Not recursive, although a request that fails at once leaves within `connect`.
    while active < maximumConnections, !waiting.isEmpty { waiting.removeFirst().connect() }
  }

  /// Ends a request's wait.
  func stopWaiting(_ exchange: SocketExchange) { waiting.removeAll { $0 === exchange } }

  /// Closes the connections that have been idle since before a time: for a request that timed out on a kept connection.
  /// After a freeze of the sandbox, each may be dead without a sign.
  func dropIdle(keptBefore time: ContinuousClock.Instant) { idle.removeAll { $0.lastUse < time } }

  /// Closes all idle connections.
  func empty() { idle = [] }
}
