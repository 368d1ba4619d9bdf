import EventLoop
import Testing

@testable import Handlers

/// Many senders and workers at once, which die at any step.
@Suite(.timeLimit(.minutes(10)))
struct DeliveryRaceTests {
  private func run(seed: UInt64, deaths: Int) -> DeliverySimulation {
    let simulation = DeliverySimulation(seed: seed, messages: 24, deaths: deaths)
    EventLoop().run { await simulation.run() }
    return simulation
  }

  private func expectDelivered(_ simulation: DeliverySimulation, seed: UInt64) {
    let state = simulation.state.withLock { $0 }
    #expect(state.received.count == 12, "seed \(seed)")
    for (person, messages) in state.received {
      #expect(state.accepted.subtracting(messages.keys).isEmpty, "\(person) missed messages, seed \(seed)")
    }
    #expect(state.overlaps == 0, "two rounds at once, seed \(seed)")
  }

  @Test("Without deaths everyone receives each message exactly once, one round at a time", arguments: 0..<20)
  func undisturbed(block: Int) {
    var gathered = 0
    for seed in UInt64(block * 10)..<UInt64(block * 10 + 10) {
      let simulation = run(seed: seed, deaths: 0)
      expectDelivered(simulation, seed: seed)
      let state = simulation.state.withLock { $0 }
      #expect(state.accepted.count == 24)
      #expect(state.received.values.allSatisfy { $0.count == 24 && $0.values.allSatisfy { $0 == 1 } }, "seed \(seed)")
      gathered += state.gathered
      simulation.store.state.withLock { store in
        #expect(
          store.queues[DeliverySimulation.room]?.isEmpty == true && store.leases.isEmpty && store.rounds.isEmpty,
          "seed \(seed)")
        #expect(store.checkpoints.isEmpty && store.overtaken.isEmpty, "seed \(seed)")
      }
    }
    #expect(gathered > 0)
  }

  @Test(
    "With up to 30 deaths at any step no accepted message is lost, and rounds overlap only after a lease has expired",
    arguments: 0..<40)
  func deaths(block: Int) {
    var repeated = 0
    for seed in UInt64(block * 10)..<UInt64(block * 10 + 10) {
      let simulation = run(seed: 10_000 + seed, deaths: 5 + Int(seed % 26))
      expectDelivered(simulation, seed: seed)
      repeated += simulation.state.withLock { $0.repeated }
    }
    #expect(repeated > 0)
  }
}
