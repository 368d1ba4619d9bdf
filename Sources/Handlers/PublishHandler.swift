import EventLoop
import JSON
import Log
import WebSocketAPI

/// Handles the events of the function `publish`: stamps the messages of backends, keeps them, and delivers them to their
/// rooms. They come by invocations that IAM allows, directly or through SQS, SNS, EventBridge and others.
public struct PublishHandler: Sendable {
  /// The time that the next message of several must have; without it, the message is refused, not cut off.
  private static let messageTime = Duration.seconds(2)

  private let backend: Backend
  private var chat: Chat { backend.chat }

  /// Creates the handler.
  ///
  /// - Parameters:
  ///   - chat: the chat.
  ///   - gateway: posts to the connections.
  ///   - logger: the log of the invocation.
  public init(_ chat: Chat, _ gateway: any ConnectionGateway, logger: Logger) {
    backend = Backend(chat: chat, gateway: gateway, logger: logger)
  }

  /// Handles an event.
  ///
  /// - Parameter json: the event; see docs/publishing.md.
  /// - Returns: for one message its id and counts; for several `{"messages":[…]}`, in order; for records of SQS
  ///   `{"batchItemFailures":[…]}`.
  /// - Throws: `PublishError` for an event or a single message that was not published.
  public func handle(_ json: [UInt8]) async throws -> [UInt8] {
    try await Deadline.within(Session.workTime) {
      do {
        switch try PublishEvent(json: json) {
        case .one(let message): return try await publish(message)
        case .list(let messages): return await publish(messages)
        case .queue(let records, let isFIFO): return await publish(records, isFIFO: isFIFO)
        case .notifications(let messages):
          var results: [[UInt8]] = []
          for message in messages { results.append(try await publish(message)) }
          return Self.list("messages", results)
        }
      } catch {
        let refusal = refusal(error)
        throw PublishError(code: refusal.code.rawValue, message: refusal.message)
      }
    }
  }

  // MARK: - Several

  private func publish(_ messages: [[UInt8]]) async -> [UInt8] {
    var results: [[UInt8]] = []
    for message in messages { results.append(await result(of: message).text) }
    return Self.list("messages", results)
  }

  /// Publishes the records of a queue in order. SQS delivers those that fail again; of a FIFO queue, all behind the first.
  private func publish(_ records: [PublishEvent.Record], isFIFO: Bool) async -> [UInt8] {
    var failures: [[UInt8]] = []
    for record in records {
      if failures.isEmpty || !isFIFO, await result(of: record.body).isPublished { continue }
      var failure = JSONObjectText()
      failure.add("itemIdentifier", record.id)
      failures.append(failure.bytes)
    }
    return Self.list("batchItemFailures", failures)
  }

  private static func list(_ name: String, _ elements: [[UInt8]]) -> [UInt8] {
    var object = JSONObjectText()
    object.add(name, array: elements)
    return object.bytes
  }

  private func result(of message: [UInt8]) async -> (text: [UInt8], isPublished: Bool) {
    do {
      guard Deadline.remaining(atMost: .seconds(3600)) > Self.messageTime else {
        throw Refusal(code: .unavailable, message: "The invocation's time ended before this message; send it again.")
      }
      return (try await publish(message), true)
    } catch {
      let refusal = refusal(error)
      var details = JSONObjectText()
      details.add("code", refusal.code.rawValue)
      details.add("message", refusal.message)
      var object = JSONObjectText()
      object.add("error", json: details.bytes)
      return (object.bytes, false)
    }
  }

  /// The refusal for an error, which the log has.
  private func refusal(_ error: any Error) -> Refusal {
    let refusal = error as? Refusal ?? .unavailable("The service failed; try again.", cause: error)
    if let cause = refusal.cause {
      backend.logger.error("A message could not be published.", error: cause)
    } else {
      backend.logger.warn(
        "A message was not published.",
        ["code": .string(refusal.code.rawValue), "reason": .string(refusal.message)])
    }
    return refusal
  }

  // MARK: - One

  private func publish(_ json: [UInt8]) async throws -> [UInt8] {
    let message = try PublishMessage(json: json)
    let delivery = RoomDelivery(backend)
    try await delivery.admit(message.room)
    let frame = MessageFrame(
      id: chat.ids.next(now: chat.now().milliseconds), clientID: nil, room: message.room,
      from: Person(service: message.name), isEphemeral: message.isEphemeral, message: message.message)
    let waiting = frame.waiting
    if !message.isEphemeral { try await chat.keep(waiting, room: frame.room) }
    var object = JSONObjectText()
    object.add("id", frame.id.text)
    object.add("room", frame.room)
    let outcome = try await delivery.send(waiting, room: frame.room, sender: nil)
    let report = outcome.report
    if let error = report?.readError { throw error }
    object.add("reached", report?.reached ?? 0)
    object.add("gone", report?.gone ?? 0)
    object.add("slow", report?.slow ?? 0)
    object.add("failed", report.map { $0.failed + $0.notTried } ?? 0)
    object.add("handedOver", report == nil)
    return object.bytes
  }
}

extension RoomDelivery.Outcome {
  /// The results; `nil` if the message was handed over.
  fileprivate var report: BroadcastReport? { if case .direct(let report) = self { report } else { nil } }
}

/// A message, or an event, that was not published.
struct PublishError: Error, Equatable, CustomStringConvertible {
  /// The code, as in the chat's error frames.
  let code: String
  let message: String

  var description: String { "\(code): \(message)" }
}
