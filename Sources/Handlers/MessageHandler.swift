import AWS
import Log

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// `$default`: sends what one client said to every connection, the sender's own too.
public struct MessageHandler: Sendable {
  private let store: any ConnectionStore
  private let gateway: @Sendable (WebSocketEvent) throws -> any ConnectionGateway
  private let concurrency: Int
  private let metrics: Metrics?

  /// Makes the handler.
  ///
  /// - Parameters:
  ///   - gateway: makes the way to the sockets of the stage that an event came from.
  ///   - concurrency: how many posts are under way at once.
  ///   - metrics: takes what came of each broadcast, `nil` for nobody.
  public init(
    store: any ConnectionStore, concurrency: Int = Broadcast.defaultConcurrency, metrics: Metrics? = nil,
    gateway: @escaping @Sendable (WebSocketEvent) throws -> any ConnectionGateway
  ) {
    self.store = store
    self.gateway = gateway
    self.concurrency = concurrency
    self.metrics = metrics
  }

  /// Answers 200 `Message sent.`; 400 for a body that is missing or not JSON; 413 for one of more than 131,072 bytes;
  /// 500 `Failed.` when a live connection could not be reached.
  ///
  /// - Parameter deadline: when the invocation ends; the broadcast stops a little before it.
  public func handle(_ event: WebSocketEvent, deadline: Date, logger: Logger) async -> ProxyResponse {
    guard let message = message(in: event) else {
      return ProxyResponse(400, "The message has to be JSON.")
    }
    guard message.count <= ManagementAPI.maximumMessageBytes else {
      return ProxyResponse(413, "The message has more than \(ManagementAPI.maximumMessageBytes) bytes.")
    }
    guard JSONText.isValid(message) else {
      return ProxyResponse(400, "The message has to be JSON.")
    }
    do {
      let broadcast = Broadcast(store: store, gateway: try gateway(event), concurrency: concurrency)
      let started = ContinuousClock.now
      let report = await broadcast.send(message, until: stop(before: deadline))
      report.log(to: logger)
      metrics?.write(report.metrics(time: started.duration(to: .now)), to: logger)
      return report.reachedEveryone ? ProxyResponse(200, "Message sent.") : .failed
    } catch {
      logger.error("The message could not be sent.", error: error)
      return .failed
    }
  }

  /// The bytes of the message exactly as the client sent them.
  private func message(in event: WebSocketEvent) -> [UInt8]? {
    guard let body = event.body, !body.isEmpty else { return nil }
    guard event.isBase64Encoded == true else { return Array(body.utf8) }
    return Data(base64Encoded: body).map { [UInt8]($0) }
  }

  /// A fifth of the time that is left, a second at most, is kept for the log and the answer.
  private func stop(before deadline: Date) -> Date {
    deadline.addingTimeInterval(-min(1, max(0, deadline.timeIntervalSinceNow) / 5))
  }
}
