import EventLoop
import Foundation
import HTTP
import Synchronization
import TestServers
import TestSupport
import Testing

/// The thread that a loop's tasks run on, and the order of work there.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct EventLoopTests {
  private actor Counter {
    private(set) var threads: [ThreadID] = []
    func note() { threads.append(.current) }
  }

  @Test("run returns its task's value, also when nested")
  func value() {
    #expect(EventLoop().run { 42 } == 42)
    let nested = EventLoop().run { [EventLoop().run { "inner" }, "outer"] }
    #expect(nested == ["inner", "outer"])
  }

  @Test("The loop that runs a task is the current loop; outside there is none")
  func current() {
    #expect(EventLoop.current == nil)
    let loop = EventLoop()
    #expect(loop.run { EventLoop.current } === loop)
    #expect(EventLoop.current == nil)
  }

  @Test("A program's tasks, its child tasks and actors all run on the thread that called run")
  func oneThread() async {
    let (caller, threads) = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let threads = EventLoop().run { await withSafetyNet { await Self.threadsOfAllKinds() } }
        continuation.resume(returning: (ThreadID.current, threads))
      }
    }
    #expect(threads.count == 110)
    #expect(threads.allSatisfy { $0 == caller })
  }

  /// The threads observed after each way in which a task returns to its executor.
  private static func threadsOfAllKinds() async -> [ThreadID] {
    var threads = [ThreadID.current]
    await Task.yield()
    threads.append(.current)
    try? await EventLoop.sleep(for: .milliseconds(1))
    threads.append(.current)
    async let child = ThreadID.current
    threads.append(await child)
    threads += await withTaskGroup { group in
      for number in 0..<100 {
        group.addTask {
          if number.isMultiple(of: 2) { await Task.yield() }
          return ThreadID.current
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    let counter = Counter()
    await counter.note()
    threads += await counter.threads
    threads += await Task(executorPreference: EventLoop.current) {
      let first = ThreadID.current
      await Task.yield()
      return [first, .current]
    }.value
    await withCheckedContinuation { continuation in Thread.detachNewThread { continuation.resume() } }
    threads.append(.current)
    let loop = EventLoop.current
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { loop?.perform { continuation.resume() } }
    }
    threads.append(.current)
    return threads + [await nonisolated()]
  }

  private static func nonisolated() async -> ThreadID { .current }

  @Test("Work from another thread wakes a waiting loop")
  func wake() {
    let late = EventLoop().run {
      await withSafetyNet {
        var late: [Duration] = []
        for _ in 0..<5 {
          let handedIn = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
              // By then the loop is waiting.
              Thread.sleep(forTimeInterval: 0.02)
              continuation.resume(returning: ContinuousClock.now)
            }
          }
          late.append(handedIn.duration(to: .now))
        }
        return late
      }
    }
    #expect(late.allSatisfy { $0 < .seconds(30) }, "\(late)")
  }

  @Test("No work that many threads enqueue at once is lost")
  func handedIn() {
    let sum = EventLoop().run { await withSafetyNet { await Self.sumThroughOtherThreads(tasks: 8, numbers: 500) } }
    #expect(sum == 8 * 500 * 501 / 2)
  }

  /// Sums over continuations that other threads resume; stops after 300 s.
  private static func sumThroughOtherThreads(tasks: Int, numbers: Int) async -> Int {
    let end = ContinuousClock.now + .seconds(300)
    return await withTaskGroup(of: Int.self) { group in
      for _ in 0..<tasks {
        group.addTask {
          var sum = 0
          for number in 1...numbers where .now < end {
            sum += await withCheckedContinuation { continuation in
              DispatchQueue.global().async { continuation.resume(returning: number) }
            }
          }
          return sum
        }
      }
      return await group.reduce(0, +)
    }
  }

  @Test("Actions from another thread run in order; an action from the loop's thread runs immediately")
  func order() {
    let numbers = EventLoop().run { await withSafetyNet { await Self.performed() } }
    #expect(numbers == [-1, -2] + Array(0..<1000))
  }

  private static func performed() async -> [Int] {
    let numbers = Mutex<[Int]>([])
    guard let loop = EventLoop.current else { return [] }
    loop.perform { numbers.withLock { $0.append(-1) } }
    numbers.withLock { $0.append(-2) }
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        for number in 0..<1000 { loop.perform { numbers.withLock { $0.append(number) } } }
        loop.perform { continuation.resume() }
      }
    }
    return numbers.withLock { $0 }
  }

  @Test("A task that yields without end starves neither timers nor transfers")
  func fairness() throws {
    let server = try LoopbackServer { _ in Reply(200, text: "ok") }
    defer { server.stop() }
    let url = try #require(URL(string: "http://\(server.address)/"))
    let (time, body) = EventLoop().run {
      let end = ContinuousClock.now + .seconds(100)
      // Ends, so that the test fails instead of hanging.
      let restless = Task(executorPreference: EventLoop.current) {
        while !Task.isCancelled, .now < end { await Task.yield() }
      }
      defer { restless.cancel() }
      var body: [UInt8]?
      let time = await elapsed {
        try? await EventLoop.sleep(for: .milliseconds(20))
        body = try? await CurlTransport().send(HTTPRequest(method: .get, url: url, timeout: .seconds(200))).body
      }
      return (time, body)
    }
    #expect(body == Array("ok".utf8))
    #expect(time < .seconds(50))
  }

  @Test("A task that yields a few times costs no poll")
  func batches() {
    let waits = EventLoop().run {
      guard let pulse = EventLoop.current?.pulse else { return UInt.max }
      let before = pulse.pointee.load(ordering: .relaxed)
      for _ in 0..<3 { await Task.yield() }
      return pulse.pointee.load(ordering: .relaxed) - before
    }
    #expect(waits == 0)
  }

  @Test("A released loop closes its descriptors")
  func descriptors() async {
    // In a process of its own, because other tests open and close descriptors at the same time.
    await #expect(processExitsWith: .success) {
      func count() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/dev/fd").count }
      for _ in 0..<5 { EventLoop().run { try? await EventLoop.sleep(for: .microseconds(1)) } }
      let before = try count()
      for _ in 0..<50 { EventLoop().run { try? await EventLoop.sleep(for: .microseconds(1)) } }
      #expect(try count() < before + 25)
    }
  }

  @Test("Timers are served between ready descriptors, so that busy descriptors cannot delay a deadline")
  func timersBetweenDescriptors() async throws {
    let pipes = (0..<10).map { _ in Pipe() }
    for pipe in pipes { try pipe.fileHandleForWriting.write(contentsOf: [1]) }
    let descriptors = pipes.map(\.fileHandleForReading.fileDescriptor)
    let calls = EventLoop().run {
      guard let loop = EventLoop.current else { return -1 }
      let calls = Mutex(0)
      return await withCheckedContinuation { continuation in
        for descriptor in descriptors {
          loop.watch(descriptor, for: POLLIN) { _, _ in
            calls.withLock { $0 += 1 }
            usleep(20_000)
          }
        }
        _ = loop.perform(after: .milliseconds(10)) {
          for descriptor in descriptors { loop.watch(descriptor, for: 0) }
          continuation.resume(returning: calls.withLock { $0 })
        }
      }
    }
    // The first two handlers take 40 ms; without a check between descriptors all ten would run.
    #expect((0...5).contains(calls))
    withExtendedLifetime(pipes) {}
  }
}
