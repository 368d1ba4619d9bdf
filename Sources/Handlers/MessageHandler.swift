import AWS
import EventLoop
import JSON
import Log
import WebSocketAPI

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Handles `$default`: sends a client's message to every connection, the sender included.
public struct MessageHandler: Sendable {
  private let store: any ConnectionStore
  private let gateway: @Sendable (WebSocketEvent) throws -> any ConnectionGateway
  private let concurrency: Int
  private let metrics: Metrics?

  /// Creates the handler.
  ///
  /// - Parameters:
  ///   - concurrency: the number of posts in flight.
  ///   - metrics: receives the results of each broadcast; `nil` to write none.
  ///   - gateway: creates the gateway for the stage of an event.
  public init(
    store: any ConnectionStore, concurrency: Int = Broadcast.defaultConcurrency, metrics: Metrics? = nil,
    gateway: @escaping @Sendable (WebSocketEvent) throws -> any ConnectionGateway
  ) {
    self.store = store
    self.gateway = gateway
    self.concurrency = concurrency
    self.metrics = metrics
  }

  /// Returns 200 `Message sent.`; 400 for a body that is missing or not JSON; 413 for more than 131,072 bytes; 500
  /// `Failed.` if an open connection could not be reached. The broadcast stops shortly before `Deadline.current`.
  public func handle(_ event: WebSocketEvent, logger: Logger) async -> WebSocketResponse {
    guard let message = message(in: event) else {
      return WebSocketResponse(400, "The message has to be JSON.")
    }
    guard message.count <= ManagementAPI.maximumMessageBytes else {
      return WebSocketResponse(413, "The message has more than \(ManagementAPI.maximumMessageBytes) bytes.")
    }
    guard JSONText.isValid(message) else {
      return WebSocketResponse(400, "The message has to be JSON.")
    }
    do {
      let broadcast = Broadcast(store: store, gateway: try gateway(event), concurrency: concurrency)
      let started = ContinuousClock.now
      let report = await Deadline.within(Self.broadcastTime(of: Deadline.remaining(atMost: .seconds(3600)))) {
        await broadcast.send(message)
      }
      report.log(to: logger)
      metrics?.write(report.metrics(time: started.duration(to: .now)), to: logger)
      return report.isSuccess ? WebSocketResponse(200, "Message sent.") : .failed
    } catch {
      logger.error("The message could not be sent.", error: error)
      return .failed
    }
  }

  /// The message exactly as the client sent it; `nil` if it is missing or not base64.
  private func message(in event: WebSocketEvent) -> [UInt8]? {
    guard let body = event.body, !body.isEmpty else { return nil }
    guard event.isBase64Encoded else { return Array(body.utf8) }
    return Data(base64Encoded: body).map { [UInt8]($0) }
  }

  /// The time for the broadcast: a fifth of the remaining time, at most one second, is reserved for log and response.
  static func broadcastTime(of remaining: Duration) -> Duration { remaining - min(.seconds(1), remaining / 5) }
}
