import AWS

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What came of one post.
enum Delivery: Sendable {
  case reached
  /// There is no such socket. Its row was deleted, unless there is an error.
  case gone(pruneError: (any Error)?)
  /// Not to be given up yet.
  case secondChance(Connection, any Error)
  case failed(any Error)
  /// The deadline ended it; the message may have arrived.
  case cutOff

  /// A post to be made.
  struct Attempt: Sendable {
    let message: [UInt8]
    let connection: Connection
    /// Whether there is no second chance after it.
    let isLast: Bool

    func run(_ store: any ConnectionStore, _ gateway: any ConnectionGateway) async -> Delivery {
      do {
        try await gateway.post(message, to: connection.connectionID)
        return .reached
      } catch let error as ConnectionGone {
        guard isLast || !connection.isYounger(than: BroadcastState.youth, at: Date()) else {
          return .secondChance(connection, error)
        }
        // A row that stays costs the next message one post; it does not cost this one its success.
        do {
          try await store.removeIfUnchanged(connection)
          return .gone(pruneError: nil)
        } catch {
          return .gone(pruneError: error)
        }
      } catch is CancellationError {
        return .cutOff
      } catch let error as AWSError where error.isThrottling && !isLast {
        return .secondChance(connection, error)
      } catch {
        return .failed(error)
      }
    }
  }
}
