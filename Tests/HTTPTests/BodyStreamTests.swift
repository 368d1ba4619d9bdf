import Synchronization
import Testing

@testable import HTTP

/// The buffer between the writers and the reader of a body, without a socket.
@Suite(.timeLimit(.minutes(10)))
struct BodyStreamTests {
  private struct Mishap: Error {}

  private func read(_ body: BodyStream, _ count: Int = 100) -> (BodyStream.Reading, [UInt8]) {
    var bytes = [UInt8](repeating: 0, count: count)
    let reading = bytes.withUnsafeMutableBytes { body.read(into: $0) }
    guard case .bytes(let count) = reading else { return (reading, []) }
    return (reading, Array(bytes.prefix(count)))
  }

  @Test("Bytes are read in order, across and within the pieces that were written")
  func order() async throws {
    let body = BodyStream()
    #expect(read(body).0 == .pending)
    for piece in [[1, 2, 3], [], [4], [5, 6]] as [[UInt8]] { try await body.write(piece) }
    #expect(read(body, 2).1 == [1, 2])
    #expect(read(body, 2).1 == [3, 4])
    #expect(read(body, 9).1 == [5, 6])
    body.finish(trailer: ["A": "b"])
    #expect(read(body).0 == .end(trailer: ["A": "b"]))
    #expect(read(body).0 == .end(trailer: ["A": "b"]))
  }

  @Test("100,000 writes of a byte are read in order")
  func manyPieces() async throws {
    let body = BodyStream()
    let writing = Task {
      for number in 0..<100_000 { try await body.write([UInt8(truncatingIfNeeded: number)]) }
      body.finish()
    }
    var count = 0
    while true {
      let (reading, bytes) = read(body, 1000)
      for byte in bytes {
        #expect(byte == UInt8(truncatingIfNeeded: count))
        count += 1
      }
      if case .end = reading { break }
      if reading == .pending { await Task.yield() }
    }
    #expect(count == 100_000)
    try await writing.value
  }

  @Test("The waiting reader is woken once, by a write or by the end")
  func wakeup() async throws {
    let body = BodyStream()
    let calls = Mutex(0)
    body.onReadable { calls.withLock { $0 += 1 } }
    try await body.write([1])
    #expect(calls.withLock { $0 } == 0)
    _ = read(body)
    #expect(read(body).0 == .pending)
    try await body.write([])
    #expect(calls.withLock { $0 } == 0)
    try await body.write([2])
    try await body.write([3])
    #expect(calls.withLock { $0 } == 1)
    _ = read(body)
    _ = read(body)
    body.finish()
    #expect(calls.withLock { $0 } == 2)
  }

  @Test("A write of more than the buffer waits until the reader has taken the excess")
  func bound() async throws {
    let body = BodyStream()
    let isWritten = Mutex(false)
    let writing = Task {
      try await body.write([UInt8](repeating: 0, count: BodyStream.bufferLimit + 2))
      isWritten.withLock { $0 = true }
    }
    while read(body, 1).0 == .pending { await Task.yield() }
    for _ in 0..<100 { await Task.yield() }
    #expect(!isWritten.withLock { $0 })
    #expect(read(body, 1).1 == [0])
    try await writing.value
  }

  @Test("A waiting writer ends by cancellation, by the reader's failure and by the end", arguments: [0, 1, 2])
  func waitingWriter(end: Int) async throws {
    let body = BodyStream()
    let writing = Task { try await body.write([UInt8](repeating: 0, count: BodyStream.bufferLimit + 2)) }
    while read(body, 1).0 == .pending { await Task.yield() }
    for _ in 0..<100 { await Task.yield() }
    switch end {
    case 0:
      writing.cancel()
      await #expect(throws: CancellationError.self) { try await writing.value }
    case 1:
      body.fail(Mishap())
      await #expect(throws: Mishap.self) { try await writing.value }
      await #expect(throws: Mishap.self) { try await body.write([1]) }
      #expect(read(body).0 == .failed)
    default:
      body.finish()
      await #expect(throws: StreamEnded.self) { try await writing.value }
      // What was written before the end is still sent.
      #expect(read(body, 100_000).1.count == BodyStream.bufferLimit + 1)
    }
  }

  @Test("After the end nothing is added, and the first end counts")
  func afterTheEnd() async throws {
    let body = BodyStream()
    body.finish(trailer: ["A": "1"])
    body.finish(trailer: ["A": "2"])
    await #expect(throws: StreamEnded.self) { try await body.write([1]) }
    #expect(read(body).0 == .end(trailer: ["A": "1"]))
  }
}
