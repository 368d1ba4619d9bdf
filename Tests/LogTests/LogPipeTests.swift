import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Log

/// Log lines on real pipes whose reader is slow, stuck or closed.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct LogPipeTests {
  /// A pipe; its buffer holds 64 KiB on Linux.
  private final class TestPipe: Sendable {
    let input: Int32
    let output: Int32

    init(isBlocking: Bool = true) throws {
      var ends: [Int32] = [-1, -1]
      try #require(pipe(&ends) == 0)
      (output, input) = (ends[0], ends[1])
      // A process that another test starts must not hold the pipe open.
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      if !isBlocking { try #require(fcntl(input, F_SETFL, O_NONBLOCK) == 0) }
    }

    /// Reads until the writing end is closed, from a thread of its own.
    func contents(after delay: TimeInterval, pause: TimeInterval = 0) async -> [UInt8] {
      await withCheckedContinuation { continuation in
        Thread.detachNewThread { [self] in
          Thread.sleep(forTimeInterval: delay)
          var all: [UInt8] = []
          var chunk = [UInt8](repeating: 0, count: 8192)
          while case let count = read(output, &chunk, chunk.count), count > 0 {
            all += chunk[..<count]
            Thread.sleep(forTimeInterval: pause)
          }
          close(output)
          continuation.resume(returning: all)
        }
      }
    }

    func closeInput() { close(input) }
  }

  /// Writes lines on a thread of its own, which may block, and closes the pipe.
  private func write(_ lines: [String], to pipe: TestPipe, _ sink: LogSink) {
    Thread.detachNewThread {
      let logger = Logger(sink: sink)
      for line in lines { logger.info(line) }
      pipe.closeInput()
    }
  }

  private func lines(_ bytes: [UInt8]) -> [String] {
    String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("No line is lost when the pipe is full and its reader is slow", arguments: [true, false])
  func slowReader(isBlocking: Bool) async throws {
    let pipe = try TestPipe(isBlocking: isBlocking)
    let texts = (0..<600).map { "line \($0) " + String(repeating: "x", count: 400) }
    write(texts, to: pipe, .lines(pipe.input))
    let read = lines(await pipe.contents(after: 0.3, pause: 0.002))
    #expect(read.map { $0.split(separator: "\t").last.map(String.init) } == texts)
  }

  @Test("Lines longer than the pipe stay whole", arguments: [true, false])
  func longLines(isBlocking: Bool) async throws {
    let pipe = try TestPipe(isBlocking: isBlocking)
    let texts = [100, 4095, 4096, 4097, 65_536, 300_000, 1].map { String(repeating: "y", count: $0) }
    write(texts, to: pipe, .lines(pipe.input))
    let read = lines(await pipe.contents(after: 0.1))
    #expect(read.map { $0.split(separator: "\t").last.map(String.init) } == texts)
  }

  @Test("A stuck reader delays no line beyond its deadline, and a later line counts the dropped ones")
  func stuckReader() async throws {
    let pipe = try TestPipe(isBlocking: true)
    let logger = Logger(sink: .lines(pipe.input))
    let start = ContinuousClock.now
    let bound = logger.bound(toRequestID: "a", writingUntil: start + .milliseconds(200))
    for number in 0..<2000 { bound.info("line \(number) " + String(repeating: "z", count: 100)) }
    // About 0.2 s. Without the deadline, the loop above would wait for the reader indefinitely.
    #expect(start.duration(to: .now) < .seconds(100))
    async let contents = pipe.contents(after: 0)
    try await Task.sleep(for: .milliseconds(200))
    logger.info("read again")
    pipe.closeInput()
    let read = lines(await contents)
    let dropped = read.compactMap { $0.firstMatch(of: /WARN\tLog lines were dropped.*\tdropped=(\d+)/)?.1 }
    #expect(dropped.count == 1)
    let kept = read.filter { $0.contains("\tline ") }
    #expect(kept.count + (Int(dropped.first ?? "") ?? 0) == 2000)
    #expect(kept.allSatisfy { $0.hasSuffix("zzz") })
    #expect(read.last?.hasSuffix("INFO\tread again") == true)
  }

  @Test("Frames stay intact when a reader was stuck in the middle of one")
  func stuckInFrame() async throws {
    let pipe = try TestPipe(isBlocking: false)
    let logger = Logger(sink: .telemetry(pipe.input))
    let bound = logger.bound(toRequestID: "a", writingUntil: .now)
    for number in 0..<10 { bound.info("frame \(number) " + String(repeating: "z", count: 50_000)) }
    async let contents = pipe.contents(after: 0)
    try await Task.sleep(for: .milliseconds(200))
    logger.info("read again")
    pipe.closeInput()
    var rest = await contents
    var frames: [String] = []
    while rest.count >= 16 {
      #expect(rest[0..<2] == [0xA5, 0x5A])
      let length = rest[4..<8].reduce(0) { $0 << 8 | Int($1) }
      try #require(rest.count >= 16 + length)
      frames.append(String(decoding: rest[16..<16 + length], as: UTF8.self))
      rest.removeFirst(16 + length)
    }
    #expect(rest.isEmpty)
    // One frame fits, and the second was begun.
    #expect(frames.dropLast(2).allSatisfy { $0.hasSuffix("zzz") })
    #expect(frames.count == 4)
    #expect(frames.dropLast().last?.hasSuffix("dropped=8") == true)
    #expect(frames.last?.hasSuffix("read again") == true)
  }

  @Test("A closed reader does not end the process")
  func goneReader() async {
    await #expect(processExitsWith: .success) {
      signal(SIGPIPE, SIG_DFL)
      let pipe = try TestPipe()
      close(pipe.output)
      let logger = Logger(sink: .lines(pipe.input))
      for _ in 0..<3 { logger.info("without a reader") }
      exit(0)
    }
  }

  @Test("Logging to a closed descriptor neither waits nor ends the process")
  func closedDescriptor() throws {
    let pipe = try TestPipe()
    close(pipe.output)
    pipe.closeInput()
    let start = ContinuousClock.now
    for _ in 0..<1000 { Logger(sink: .lines(-1)).info("nowhere") }
    #expect(start.duration(to: .now) < .seconds(100))
  }

  @Test("writeWhole waits for its reader and reports a closed descriptor")
  func writeWholeWaits() async throws {
    let pipe = try TestPipe(isBlocking: false)
    let bytes = [UInt8](repeating: 0x2E, count: 200_000)
    Thread.detachNewThread {
      writeWhole(bytes, to: pipe.input)
      pipe.closeInput()
    }
    #expect(await pipe.contents(after: 0.2).count == bytes.count)
    #expect(!writeWhole(bytes, to: -1))
  }
}
