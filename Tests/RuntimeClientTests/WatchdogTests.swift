import EventLoop
import Foundation
import RuntimeClient
import Synchronization
import TestServers
import TestSupport
import Testing

/// Handlers that block the event loop, each in a process of its own on an emulated Runtime API.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct WatchdogTests {
  /// Serves an event with a deadline of 2 s to this process, and ends it with code 7 if the watchdog's error arrives before
  /// the deadline, otherwise with code 3.
  private static func expectError(after events: [RuntimeAPIEmulator.Event] = []) throws {
    let served = Mutex<ContinuousClock.Instant?>(nil)
    let box = Mutex<RuntimeAPIEmulator?>(nil)
    let emulator = try RuntimeAPIEmulator(events + [.init("blocked", timeout: 2), .init("next")]) { call, _ in
      switch call {
      case .next: served.withLock { $0 = .now }
      case .error("blocked"):
        let ran = served.withLock { $0?.duration(to: .now) } ?? .seconds(60)
        let body = box.withLock { $0?.requests.last?.body } ?? []
        let isExpected = String(decoding: body, as: UTF8.self).contains("The handler blocked its thread until")
        _exit(isExpected && ran < .seconds(2) ? 7 : 3)
      default: break
      }
      return nil
    }
    box.withLock { $0 = emulator }
    setenv("AWS_LAMBDA_RUNTIME_API", emulator.address, 1)
  }

  @Sendable private static func spin(for duration: Duration) {
    let end = ContinuousClock.now + duration
    while ContinuousClock.now < end {}
  }

  /// Computes for ten seconds; without a watchdog the process ends with code 9.
  @Sendable private static func spin() {
    spin(for: .seconds(10))
    _exit(9)
  }

  /// Sleeps in the system; without a watchdog the process ends with code 9.
  @Sendable private static func block() {
    Thread.sleep(forTimeInterval: 10)
    _exit(9)
  }

  @Test("The error of a handler that spins for ten seconds arrives before its deadline of two")
  func spinning() async {
    await #expect(processExitsWith: .exitCode(7)) {
      try Self.expectError()
      Lambda.run { event, _ in
        Self.spin()
        return event
      }
    }
  }

  @Test("After 200 invocations, the error of a handler that blocks in a system call arrives before the deadline")
  func sleeping() async {
    await #expect(processExitsWith: .exitCode(7)) {
      try Self.expectError(after: (0..<200).map { .init("id-\($0)", timeout: 60) })
      Lambda.run { event, context in
        if context.requestID == "blocked" { Self.block() }
        return event
      }
    }
  }

  @Test(
    "If a handler ignores its cancellation and blocks, one error is sent, before the deadline")
  func blocksAfterCancellation() async {
    await #expect(processExitsWith: .exitCode(1)) {
      let served = Mutex<ContinuousClock.Instant?>(nil)
      let errors = Mutex(0)
      let emulator = try RuntimeAPIEmulator([.init("blocked", timeout: 2)]) { call, _ in
        if call == .next { served.withLock { $0 = $0 ?? .now } }
        guard case .error = call else { return nil }
        let ran = served.withLock { $0?.duration(to: .now) } ?? .seconds(60)
        let count = errors.withLock { count in
          count += 1
          return count
        }
        if ran >= .seconds(2) || count > 1 { _exit(3) }
        return nil
      }
      setenv("AWS_LAMBDA_RUNTIME_API", emulator.address, 1)
      Lambda.run { event, _ in
        try? await EventLoop.sleep(for: .seconds(60))
        Self.spin()
        return event
      }
    }
  }

  @Test("After the error the process ends with code 1, and requests no further event")
  func exitCode() async {
    await #expect(processExitsWith: .exitCode(1)) {
      let emulator = try RuntimeAPIEmulator([.init("blocked", timeout: 2), .init("next")]) { call, _ in
        if case .response = call { _exit(3) }
        return nil
      }
      setenv("AWS_LAMBDA_RUNTIME_API", emulator.address, 1)
      Lambda.run { event, _ in
        Self.spin()
        return event
      }
    }
  }

  @Test("If a handler that streams blocks, the connection closes, without an error call")
  func blockedStream() async {
    await #expect(processExitsWith: .exitCode(1)) {
      let emulator = try RuntimeAPIEmulator([.init("blocked", timeout: 2)]) { call, _ in
        if case .error = call { _exit(3) }
        return nil
      }
      setenv("AWS_LAMBDA_RUNTIME_API", emulator.address, 1)
      Lambda.run { _, response, _ in
        try await response.write("half")
        try await EventLoop.sleep(for: .milliseconds(100))
        Self.spin()
      }
    }
  }

  @Test("If work after the response blocks, the process ends without a second answer")
  func blockedWork() async {
    await #expect(processExitsWith: .exitCode(1)) {
      let emulator = try RuntimeAPIEmulator([.init("blocked", timeout: 2)]) { call, _ in
        if case .error = call { _exit(3) }
        return nil
      }
      setenv("AWS_LAMBDA_RUNTIME_API", emulator.address, 1)
      Lambda.run { event, context in
        context.afterResponse { Self.spin() }
        return event
      }
    }
  }

  @Test("A handler that computes on another thread does not block the loop, and is cancelled at the deadline")
  func computesElsewhere() async {
    await #expect(processExitsWith: .success) {
      let emulator = try RuntimeAPIEmulator([.init("a", timeout: 1), .init("b")])
      setenv("AWS_LAMBDA_RUNTIME_API", emulator.address, 1)
      Thread.detachNewThread {
        while emulator.answers.count < 2 { Thread.sleep(forTimeInterval: 0.002) }
        let text = emulator.answers.first?.text ?? ""
        _exit(text.contains("The handler was cancelled after") ? 0 : 3)
      }
      Lambda.run { event, context in
        if context.requestID == "a" { await Task.detached { Self.spin(for: .milliseconds(1300)) }.value }
        return event
      }
    }
  }
}
