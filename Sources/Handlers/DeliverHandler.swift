import EventLoop
import JSON
import Log
import WebSocketAPI

/// Handles the events of the function `deliver`, which comes by asynchronous invocations: starts rounds, and sends a round's
/// frame to a range of a large room. Lambda repeats an event that failed, and the range continues at its checkpoint.
public struct DeliverHandler: Sendable {
  /// Sends a frame to a range of a room; see `Broadcast`.
  typealias Serve =
    @Sendable (
      _ frame: [UInt8], _ room: String, RoomRange, _ after: String?, _ rate: Double,
      _ checkpoint: @escaping @Sendable (BroadcastProgress) async -> Double
    ) async -> BroadcastReport

  private let backend: Backend
  private let deliveries: Deliveries
  private let rounds: DeliveryRounds
  private let serve: Serve

  /// Creates the handler.
  ///
  /// - Parameters:
  ///   - chat: the chat.
  ///   - deliveries: the deliveries to large rooms.
  ///   - gateway: posts to the connections.
  ///   - logger: the log of the invocation.
  public init(_ chat: Chat, _ deliveries: Deliveries, _ gateway: any ConnectionGateway, logger: Logger) {
    let backend = Backend(chat: chat, gateway: gateway, logger: logger)
    self.init(backend, deliveries) { frame, room, range, after, rate, checkpoint in
      await backend.broadcast().send(
        frame, room: room, range: range, after: after, rate: rate, checkpoint: checkpoint)
    }
  }

  init(
    _ backend: Backend, _ deliveries: Deliveries,
    pause: @escaping @Sendable (Duration) async throws -> Void = { try await EventLoop.sleep(for: $0) },
    serve: @escaping Serve
  ) {
    self.backend = backend
    self.deliveries = deliveries
    self.serve = serve
    let chat = backend.chat
    let now: @Sendable () -> Int = { chat.now().milliseconds }
    rounds = DeliveryRounds(
      deliveries: deliveries, connections: chat.connections, now: now, newID: { chat.ids.next(now: now()) },
      pause: pause)
  }

  private var store: any DeliveryStore { deliveries.store }
  private var now: Int { backend.chat.now().milliseconds }

  /// Handles an event.
  ///
  /// - Parameter event: `{"room"}`, or `{"room","delivery","range"}`.
  /// - Returns: the counts of the range so far, a JSON object; empty for a start.
  /// - Throws: `InvalidDeliverEvent`, `DeliveryFailure`, and the errors of the services.
  public func handle(_ event: [UInt8]) async throws -> [UInt8] {
    let event = try DeliverEvent(json: event)
    switch event.work {
    case .start:
      try await rounds.start(event.room)
      return Array("{}".utf8)
    case .range(let id, let range):
      guard let round = try await store.round(id) else {
        backend.logger.info("The round has ended.", ["delivery": .string(id.text)])
        return Array("{}".utf8)
      }
      return try await deliver(round, range, event).json
    }
  }

  // MARK: - One range

  /// Serves a range, and hands the rest to the next invocation when the time ends.
  ///
  /// - Throws: `DeliveryFailure` if the range ended for another reason or made no progress: Lambda repeats the event, and
  ///   keeps it for an operator in the end.
  private func deliver(_ round: DeliveryRound, _ range: RoomRange, _ event: DeliverEvent) async throws
    -> RangeCheckpoint
  {
    var checkpoint = try await store.checkpoint(range: range.lowerText, of: round.id) ?? RangeCheckpoint()
    if !checkpoint.isDone {
      let first = checkpoint
      let work = Self.workTime(of: Deadline.remaining(atMost: .seconds(3600)))
      let end = ContinuousClock.now + work
      let report = await Deadline.within(work) { await post(round, range, event.room, from: first) }
      checkpoint = first.advanced(to: report.servedThrough, report)
      // Out of time, a broadcast ends shortly before `end` without an error, or at `end` with the error of a cut-off read.
      let isOutOfTime = report.readError == nil || ContinuousClock.now >= end
      // Without progress, the next invocation would end in the same way.
      let isHandedOn = !checkpoint.isDone && isOutOfTime && checkpoint.after != first.after
      report.log(to: backend.logger, isContinued: isHandedOn)
      try await store.save(checkpoint, range: range.lowerText, of: round.id)
      if isHandedOn {
        try await deliveries.invoke(event.json)
        return checkpoint
      }
      guard checkpoint.isDone else { throw DeliveryFailure(cause: report.readError ?? report.firstFailure) }
      backend.chat.metrics?.write(checkpoint.metrics, to: backend.logger)
      // No larger room announces who leaves.
      if range == .all { await Presence(backend).leave(report.departed) }
    }
    if let checkpoints = try await rounds.finish(range, of: round.id, room: event.room) {
      report(checkpoints, of: round)
    }
    return checkpoint
  }

  /// The time for posts: 3 s, or a fifth of a short time, are left for the last checkpoint and the next invocation.
  static func workTime(of remaining: Duration) -> Duration { remaining - min(.seconds(3), remaining / 5) }

  private func post(_ round: DeliveryRound, _ range: RoomRange, _ room: String, from first: RangeCheckpoint) async
    -> BroadcastReport
  {
    let pulse = DeliveryPulse(deliveries: deliveries, room: room, round: round, range: range.lowerText)
    do { try await pulse.beat(now: now) } catch {
      backend.logger.warn("The deliveries could not be read.", error: error)
    }
    return await serve(round.frame, room, range, first.after, pulse.rate) { progress in
      let checkpoint = first.advanced(to: progress.servedThrough, progress.report)
      do {
        try await store.save(checkpoint.unfinished, range: range.lowerText, of: round.id)
        try await pulse.beat(now: now)
      } catch is CancellationError {
        // The broadcast has ended. Its report is the last checkpoint.
      } catch {
        // The next one may succeed; until then a repetition would start at the previous one.
        backend.logger.warn("The progress of a delivery could not be stored.", error: error)
      }
      return pulse.rate
    }
  }

  /// Writes the metrics of a whole round.
  private func report(_ checkpoints: [RangeCheckpoint], of round: DeliveryRound) {
    let sum = checkpoints.reduce(RangeCheckpoint(), +)
    backend.chat.metrics?.write(
      [.init("Rounds", .count, 1)],
      RoomSize.metrics(people: sum.total, reached: sum.reached, time: .milliseconds(max(0, now - round.id.time))),
      to: backend.logger)
  }
}

/// A range could not be served to its end.
struct DeliveryFailure: Error, CustomStringConvertible {
  let cause: (any Error)?
  var description: String {
    "The range could not be served to its end: \(cause.map { "\($0)" } ?? "no page was served in the time")."
  }
}

extension RangeCheckpoint {
  /// The checkpoint without its end: only the final report decides that.
  fileprivate var unfinished: RangeCheckpoint {
    var checkpoint = self
    checkpoint.isDone = false
    return checkpoint
  }

  fileprivate var metrics: [Metrics.Metric] {
    [
      .init("Reached", .count, Double(reached)), .init("Gone", .count, Double(gone)),
      .init("Slow", .count, Double(slow)), .init("Failed", .count, Double(failed)),
    ]
  }

  fileprivate var json: [UInt8] {
    var object = JSONObjectText()
    object.add("reached", reached)
    object.add("gone", gone)
    object.add("slow", slow)
    object.add("failed", failed)
    object.add("isDone", isDone)
    return object.bytes
  }
}
