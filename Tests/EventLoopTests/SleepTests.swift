import EventLoop
import Foundation
import Synchronization
import TestServers
import TestSupport
import Testing

@Suite(.ownThread, .timeLimit(.minutes(30)))
struct SleepTests {
  private struct Waking { let due: ContinuousClock.Instant, woken: ContinuousClock.Instant }

  @Test(
    "A sleep takes at least its duration",
    arguments: [.zero, .seconds(-1), .nanoseconds(1), .microseconds(300), .milliseconds(1), .microseconds(20_500)]
      as [Duration])
  func duration(duration: Duration) {
    let time = EventLoop().run { await elapsed { try? await EventLoop.sleep(for: duration) } }
    #expect(time >= duration)
    #expect(time < duration + .seconds(100))
  }

  @Test("Whole milliseconds are rounded up and limited to what poll takes")
  func wholeMilliseconds() {
    #expect(Duration.zero.wholeMilliseconds == 0)
    #expect(Duration.seconds(Int64.min).wholeMilliseconds == 0)
    #expect(Duration(secondsComponent: 0, attosecondsComponent: 1).wholeMilliseconds == 1)
    #expect(Duration.milliseconds(7).wholeMilliseconds == 7)
    #expect((Duration.milliseconds(1999) + .nanoseconds(1)).wholeMilliseconds == 2000)
    #expect(Duration.seconds(2_147_482).wholeMilliseconds == 2_147_482_000)
    #expect(Duration.seconds(2_147_484).wholeMilliseconds == Int(Int32.max))
    #expect(Duration.seconds(Int64.max).wholeMilliseconds == Int(Int32.max))
  }

  @Test("Sleeps end in the order of their ends, not of their starts")
  func order() {
    var random = SplitMix64(seed: 1)
    let durations = (0..<100).map { Duration.milliseconds(3 * $0) }.shuffled(using: &random)
    let wakings = EventLoop().run {
      await withTaskGroup(of: Waking.self) { group in
        for duration in durations {
          group.addTask {
            let due = ContinuousClock.now + duration
            try? await EventLoop.sleep(for: duration)
            return Waking(due: due, woken: .now)
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }
    #expect(wakings.count == durations.count)
    #expect(wakings.allSatisfy { $0.woken >= $0.due })
    // The loop reads the clock slightly later than the test does.
    #expect(zip(wakings, wakings.dropFirst()).allSatisfy { $0.due < $1.due + .milliseconds(50) })
  }

  @Test("A sleep of the longest duration can be cancelled")
  func endless() {
    let error = EventLoop().run {
      let sleep = Task(executorPreference: EventLoop.current) {
        try await EventLoop.sleep(for: .seconds(Int64.max / 2))
      }
      try? await EventLoop.sleep(for: .milliseconds(10))
      sleep.cancel()
      return await sleep.error
    }
    #expect(error is CancellationError)
  }

  @Test("Cancelling one sleep leaves the others running")
  func others() {
    let results = EventLoop().run {
      let sleeps = (0..<9).map { number in
        Task(executorPreference: EventLoop.current) { try await EventLoop.sleep(for: .milliseconds(50 - 5 * number)) }
      }
      await Task.yield()
      sleeps[4].cancel()
      var errors: [Bool] = []
      for sleep in sleeps { errors.append(await sleep.error is CancellationError) }
      return errors
    }
    #expect(results == (0..<9).map { $0 == 4 })
  }

  /// The source of a sleep's cancellation.
  enum Canceller: CaseIterable {
    case itself, task, thread
  }

  @Test(
    "A cancelled sleep ends at once, also if cancelled before it starts",
    arguments: Canceller.allCases, [true, false])
  func cancellation(canceller: Canceller, onLoop: Bool) async {
    let body: @Sendable () async -> (Duration, (any Error)?) = {
      var error: (any Error)?
      let time = await elapsed { error = await Self.cancelledSleep(canceller) }
      return (time, error)
    }
    let (time, error) = onLoop ? EventLoop().run(body) : await body()
    #expect(error is CancellationError)
    #expect(time < .seconds(50))
  }

  private static func cancelledSleep(_ canceller: Canceller) async -> (any Error)? {
    let begins = Mutex(false)
    let sleep = Task(executorPreference: EventLoop.current) {
      if canceller == .itself { withUnsafeCurrentTask { $0?.cancel() } }
      begins.withLock { $0 = true }
      try await EventLoop.sleep(for: .seconds(100))
    }
    switch canceller {
    case .itself: break
    case .task:
      while !begins.withLock({ $0 }) { await Task.yield() }
      sleep.cancel()
    case .thread:
      Thread.detachNewThread {
        Thread.sleep(forTimeInterval: 0.05)
        sleep.cancel()
      }
    }
    return await sleep.error
  }

  @Test("Sleeps that other threads cancel at random moments all end")
  func races() {
    let count = EventLoop().run {
      var count = 0
      let end = ContinuousClock.now + .seconds(300)
      for round in 0..<300 where .now < end {
        let sleep = Task(executorPreference: EventLoop.current) {
          try await EventLoop.sleep(for: round.isMultiple(of: 2) ? .microseconds(50) : .seconds(600))
        }
        DispatchQueue.global().async { sleep.cancel() }
        _ = await sleep.result
        count += 1
      }
      return count
    }
    #expect(count == 300)
  }

  @Test("A sleep outside of any loop takes at least its duration")
  func background() async throws {
    let time = try await elapsed { try await EventLoop.sleep(for: .milliseconds(30)) }
    #expect(time >= .milliseconds(30))
    #expect(time < .seconds(100))
  }
}

extension Task {
  /// The error that the task threw; `nil` for none.
  fileprivate var error: Failure? {
    get async {
      guard case .failure(let error) = await result else { return nil }
      return error
    }
  }
}
