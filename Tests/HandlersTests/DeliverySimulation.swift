import EventLoop
import Foundation
import Log
import Synchronization
import TestServers
import WebSocketAPITestSupport

@testable import Handlers
@testable import WebSocketAPI

/// Senders, and the invocations of `deliver`, in an order that a seed decides: on one thread, with a clock of its own, and
/// an asynchronous queue of events that repeats those that failed.
final class DeliverySimulation: Sendable {
  struct Died: Error {}

  /// Whether one invocation has died.
  private final class Life: Sendable {
    let isOver = Mutex(false)
  }

  fileprivate struct Event {
    let payload: [UInt8]
    var readyAt: Int
  }

  struct State {
    var random: SplitMix64
    /// Milliseconds since 1970.
    var now = 1_795_000_000_000
    var deathsLeft: Int
    fileprivate var events: [Event] = []
    var running = 0
    var accepted: Set<Int> = []
    var sent: Set<Int> = []
    /// The number of times that each person received each message.
    var received: [String: [Int: Int]] = [:]
    /// Posts of a round while another one had the lease, although the round had not lost it.
    var overlaps = 0
    var gathered = 0
    var repeated = 0
  }

  static let room = Connection.defaultRoom
  private static let peopleOfRange = 3
  private static let longestStep = 40

  let store = MemoryDeliveries()
  let state: Mutex<State>
  /// Four ranges.
  private let rows = MemoryStore(count: 3500, pageSize: 5000)
  private let log = LogLines()
  private let messages: Int

  init(seed: UInt64, messages: Int, deaths: Int) {
    state = Mutex(State(random: SplitMix64(seed: seed), deathsLeft: deaths))
    self.messages = messages
  }

  private func random(below limit: Int) -> Int {
    state.withLock { Int.random(in: 0..<limit, using: &$0.random) }
  }

  /// Runs until no event is left.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<messages { group.addTask { await self.send(number) } }
      for _ in 0..<messages { state.withLock { $0.running += 1 } }
      while true {
        let (event, isOver) = state.withLock { state -> (Event?, Bool) in
          let ready = state.events.indices.filter { state.events[$0].readyAt <= state.now }
          if let index = ready.randomElement(using: &state.random) {
            state.running += 1
            return (state.events.remove(at: index), false)
          }
          guard state.running == 0 else { return (nil, false) }
          // Nothing runs: the time until the next repetition passes.
          state.now = state.events.map(\.readyAt).min() ?? state.now
          return (nil, state.events.isEmpty)
        }
        if isOver { break }
        if let event { group.addTask { await self.deliver(event) } }
        await Task.yield()
      }
    }
  }

  // MARK: - Invocations

  /// Lets others run, and time pass. A few times in a thousand the invocation dies.
  private func step(_ life: Life) async throws {
    for _ in 0..<random(below: 4) { await Task.yield() }
    try state.withLock { state in
      state.now += Int.random(in: 0..<Self.longestStep, using: &state.random)
      if state.deathsLeft > 0, Int.random(in: 0..<60, using: &state.random) == 0 {
        state.deathsLeft -= 1
        life.isOver.withLock { $0 = true }
      }
      if life.isOver.withLock({ $0 }) { throw Died() }
    }
  }

  private func backend(_ step: @escaping @Sendable () async throws -> Void) -> (Backend, Deliveries) {
    let deliveries = Deliveries(store: MortalDeliveries(store: store, step: step), postsPerSecond: 100_000) { event in
      try await step()
      self.state.withLock { $0.events.append(Event(payload: event, readyAt: $0.now)) }
      try await step()
    }
    deliveries.largeRooms.set((), for: Self.room, now: .max / 2)
    let gateway = MemoryGateway()
    let chat = Chat(
      connections: rows, deliveries: deliveries,
      now: { Date(timeIntervalSince1970: Double(self.state.withLock { $0.now }) / 1000) }
    ) { _ in gateway }
    return (Backend(chat: chat, gateway: gateway, logger: log.logger()), deliveries)
  }

  private func send(_ number: Int) async {
    defer { state.withLock { $0.running -= 1 } }
    let life = Life()
    for _ in 0..<random(below: 400) { await Task.yield() }
    let (backend, _) = backend { try await self.step(life) }
    let time = state.withLock { state in
      state.sent.insert(number)
      return state.now
    }
    // Clocks differ, and so the order of ids is not that of sending.
    let message = WaitingMessage(
      id: MessageID(time: time - random(below: 200), counter: 0, random: UInt64(number)),
      kind: random(below: 6) == 0 ? .alone : .message, frame: Array(#"{"n":\#(number)}"#.utf8))
    let outcome = try? await RoomDelivery(backend).send(message, room: Self.room, sender: nil)
    if case .handedOver? = outcome { state.withLock { _ = $0.accepted.insert(number) } }
  }

  private func deliver(_ event: Event) async {
    defer { state.withLock { $0.running -= 1 } }
    let life = Life()
    let step: @Sendable () async throws -> Void = { try await self.step(life) }
    let (backend, deliveries) = backend(step)
    let pause: @Sendable (Duration) async throws -> Void = { duration in
      self.state.withLock { $0.now += Int(duration / .milliseconds(1)) }
      try await step()
    }
    let round = (try? DeliverEvent(json: event.payload)).flatMap { event -> MessageID? in
      if case .range(let id, _) = event.work { id } else { nil }
    }
    let handler = DeliverHandler(backend, deliveries, pause: pause) { frame, _, range, after, _, checkpoint in
      await self.serve(frame, range, after, round, step, checkpoint)
    }
    do { _ = try await handler.handle(event.payload) } catch {
      // Lambda repeats it after about a minute.
      state.withLock { state in
        state.repeated += 1
        let wait = Int.random(in: 1000...90_000, using: &state.random)
        state.events.append(Event(payload: event.payload, readyAt: state.now + wait))
      }
    }
  }

  private func serve(
    _ frame: [UInt8], _ range: RoomRange, _ after: String?, _ round: MessageID?,
    _ step: @Sendable () async throws -> Void, _ checkpoint: @Sendable (BroadcastProgress) async -> Double
  ) async -> BroadcastReport {
    var report = BroadcastReport()
    let people = (0..<Self.peopleOfRange).map { "\(range.lowerText)/\($0)" }
    let numbers = String(decoding: frame, as: UTF8.self).matches(of: /"n":(\d+)/).compactMap { Int($0.1) }
    if numbers.count > 1 { state.withLock { $0.gathered += 1 } }
    do {
      for person in people where after.map({ person > $0 }) ?? true {
        try await step()
        receive(numbers, person, round)
        report.reached += 1
        report.servedThrough = person
        if random(below: 2) == 0 {
          _ = await checkpoint(BroadcastProgress(servedThrough: person, report: report))
        }
      }
      report.isComplete = true
    } catch {
      // The invocation died: the handler's next operation throws.
    }
    return report
  }

  private func receive(_ numbers: [Int], _ person: String, _ round: MessageID?) {
    let (lease, overtaken) = store.state.withLock { ($0.leases[Self.room], $0.overtaken) }
    state.withLock { state in
      for number in numbers { state.received[person, default: [:]][number, default: 0] += 1 }
      if let lease, let round, lease.isActive(at: state.now), lease.round != round, !overtaken.contains(round) {
        state.overlaps += 1
      }
    }
  }
}
