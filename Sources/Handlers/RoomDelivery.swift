import AWS
import Log
import WebSocketAPI

/// Sends messages to a room: directly, or through the function `deliver` if the room is large.
struct RoomDelivery {
  enum Outcome {
    case direct(BroadcastReport)
    /// The message is in the room's queue, and an invocation of `deliver` will take it.
    case handedOver
  }

  /// The wait after which a room whose queue was full may take messages again.
  private static let retryAfter = Duration.seconds(5)

  private let backend: Backend
  private let isPruning: Bool
  private var chat: Chat { backend.chat }

  /// - Parameter isPruning: whether a direct delivery deletes the rows of closed connections, and announces who left.
  init(_ backend: Backend, isPruning: Bool = true) {
    self.backend = backend
    self.isPruning = isPruning
  }

  /// Refuses a message to a large room where more wait than one frame holds. Call it before the message is kept.
  ///
  /// The first message of a process to a room is not refused: the room's size is not known yet.
  func admit(_ room: String) async throws {
    guard let deliveries = chat.deliveries else { return }
    let now = chat.now().milliseconds
    guard deliveries.largeRooms.value(for: room, now: now) != nil else { return }
    guard let delivery = try await deliveries.store.delivery(room: room), delivery.isFull, delivery.isActive(at: now)
    else { return }
    throw Refusal(
      code: .rateLimited, message: "More messages wait for this room than can be delivered at once.",
      retryAfter: Self.retryAfter)
  }

  /// Sends a message to everyone in a room.
  ///
  /// - Parameter sender: a connection that receives the message even if the room does not show it yet.
  func send(_ message: WaitingMessage, room: String, sender: Connection?) async throws -> Outcome {
    guard let deliveries = chat.deliveries else { return await sendDirectly(message, room, sender, firstPages: []) }
    if deliveries.largeRooms.value(for: room, now: chat.now().milliseconds) == nil {
      let (pages, isLarge) = await firstPages(of: room, limit: deliveries.directLimit)
      guard isLarge else { return await sendDirectly(message, room, sender, firstPages: pages) }
      deliveries.largeRooms.set((), for: room, now: chat.now().milliseconds)
    }
    try await handOver(message, room, deliveries)
    return .handedOver
  }

  /// Reads a room up to a number of rows.
  ///
  /// - Returns: the pages, and whether the room has more. After an error, the pages before it: the broadcast reads the
  ///   rest, and reports the error if it persists.
  private func firstPages(of room: String, limit: Int) async -> (pages: [ConnectionPage], isLarge: Bool) {
    var pages: [ConnectionPage] = []
    var rows = 0
    do {
      repeat {
        let page = try await chat.connections.page(room: room, after: pages.last?.next)
        pages.append(page)
        rows += page.connections.count
        // A page can hold more rows than the limit.
        guard page.next != nil else { return (pages, rows > limit) }
      } while rows < limit
      return (pages, true)
    } catch {
      backend.logger.warn("The room could not be read at the first attempt.", error: error)
      return (pages, false)
    }
  }

  private func sendDirectly(
    _ message: WaitingMessage, _ room: String, _ sender: Connection?, firstPages: [ConnectionPage]
  ) async -> Outcome {
    let started = ContinuousClock.now
    let report = await backend.broadcast(isPruning: isPruning)
      .send(message.frame, room: room, sender: sender, firstPages: firstPages)
    report.log(to: backend.logger)
    let time = started.duration(to: .now)
    chat.metrics?.write(
      report.metrics(time: time), RoomSize.metrics(people: report.people, reached: report.reached, time: time),
      to: backend.logger)
    await Presence(backend).leave(report.departed)
    return .direct(report)
  }

  private func handOver(_ message: WaitingMessage, _ room: String, _ deliveries: Deliveries) async throws {
    try await deliveries.store.enqueue(message, room: room)
    // After the message is in the queue: a delivery that is active now looks at the queue again before it ends.
    let delivery = try await deliveries.store.delivery(room: room)
    if delivery?.needsStart(at: chat.now().milliseconds) ?? true {
      try await deliveries.invoke(DeliverEvent(room: room, work: .start).json)
    }
    chat.metrics?.write([.init("HandedOver", .count, 1)], to: backend.logger)
  }
}

extension BroadcastReport {
  /// The number of rows that were read.
  fileprivate var people: Int { reached + gone + expired + slow + failed + notTried }
}
