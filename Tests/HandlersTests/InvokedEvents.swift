import Synchronization

@testable import Handlers

/// The events for which the function `deliver` was invoked.
final class InvokedEvents: Sendable {
  private let events = Mutex<[String]>([])

  var all: [String] { events.withLock { $0 } }

  var invoke: Deliveries.Invoke {
    { event in self.events.withLock { $0.append(String(decoding: event, as: UTF8.self)) } }
  }
}
