import EventLoop
import Foundation
import TestSupport
import Testing

/// Signals and loops, each test in a process of its own.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct SignalTests {
  @Test("SIGTERM cancels the task of run, whose value is still returned")
  func cancels() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let code: Int32 = EventLoop().run(cancelledBy: SIGTERM) {
        kill(getpid(), SIGTERM)
        try? await EventLoop.sleep(for: .seconds(10))
        let isCancelled = Task.isCancelled
        // Work in flight may still be completed.
        await Task(executorPreference: EventLoop.current) { try? await EventLoop.sleep(for: .milliseconds(20)) }.value
        return isCancelled ? 7 : 1
      }
      exit(code)
    }
  }

  @Test("A second SIGTERM ends the process")
  func ends() async {
    await #expect(processExitsWith: .signal(SIGTERM)) {
      EventLoop().run(cancelledBy: SIGTERM) {
        kill(getpid(), SIGTERM)
        try? await EventLoop.sleep(for: .seconds(10))
        kill(getpid(), SIGTERM)
        await Task(executorPreference: EventLoop.current) { try? await EventLoop.sleep(for: .seconds(10)) }.value
      }
      exit(0)
    }
  }

  @Test("SIGTERM cancels a task that yields without end")
  func restless() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let code: Int32 = EventLoop().run(cancelledBy: SIGTERM) {
        kill(getpid(), SIGTERM)
        let end = ContinuousClock.now + .seconds(10)
        while !Task.isCancelled, .now < end { await Task.yield() }
        return Task.isCancelled ? 7 : 1
      }
      exit(code)
    }
  }

  @Test("By default a loop does not handle SIGTERM")
  func untouched() async {
    await #expect(processExitsWith: .signal(SIGTERM)) {
      EventLoop().run {
        kill(getpid(), SIGTERM)
        try? await EventLoop.sleep(for: .seconds(10))
      }
      exit(0)
    }
  }

  @Test("A SIGTERM that is blocked and pending at the start cancels the task")
  func blocked() async {
    await #expect(processExitsWith: .exitCode(7)) {
      // A process inherits its signal mask. The signal is sent to the calling thread, because other threads do not
      // block it.
      var signals = sigset_t()
      sigemptyset(&signals)
      sigaddset(&signals, SIGTERM)
      pthread_sigmask(SIG_BLOCK, &signals, nil)
      pthread_kill(pthread_self(), SIGTERM)
      let code: Int32 = EventLoop().run(cancelledBy: SIGTERM) {
        try? await EventLoop.sleep(for: .seconds(10))
        return Task.isCancelled ? 7 : 1
      }
      exit(code)
    }
  }

  @Test("SIGTERM wakes an idle loop")
  func idle() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let code: Int32 = EventLoop().run(cancelledBy: SIGTERM) {
        Thread.detachNewThread {
          Thread.sleep(forTimeInterval: 0.1)
          kill(getpid(), SIGTERM)
          Thread.sleep(forTimeInterval: 10)
          exit(1)
        }
        let (stream, _) = AsyncStream.makeStream(of: Void.self)
        for await _ in stream {}
        return Task.isCancelled ? 7 : 1
      }
      exit(code)
    }
  }
}
