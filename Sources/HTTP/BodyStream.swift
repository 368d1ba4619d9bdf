import Synchronization

/// A body that is written while it is sent, through a bounded buffer: writers on one side, one reader on the other.
///
/// Any task may write, from any thread. The reader never waits: it is called when there is more to read.
package final class BodyStream: Sendable {
  /// The number of unsent bytes above which `write` suspends: 64 KiB.
  package static let bufferLimit = 65_536

  /// The result of `read`.
  package enum Reading: Equatable {
    /// The number of copied bytes.
    case bytes(Int)
    /// Nothing yet; `onReadable` is called when there is more.
    case pending
    /// The body is complete.
    case end(trailer: HTTPHeaders)
    /// The body will not be completed.
    case failed
  }

  fileprivate enum End {
    case finished(trailer: HTTPHeaders)
    case failed(any Error)
  }

  fileprivate struct Writer {
    let id: Int
    let continuation: CheckedContinuation<Void, any Error>
  }

  fileprivate struct State {
    /// The unread pieces start at index `first`; of that piece, the first `offset` bytes are read.
    var pieces: [[UInt8]] = []
    var first = 0
    var offset = 0
    var unread = 0
    /// The writers that wait for the reader.
    var writers: [Writer] = []
    var lastID = 0
    var end: End?
    var isReaderWaiting = false
    var onReadable: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// Creates an empty stream.
  package init() {}

  // MARK: - Writing

  /// Adds bytes to the body, and suspends until at most `bufferLimit` bytes are unread.
  ///
  /// The bytes of one call stay together; those of concurrent calls are in any order.
  ///
  /// - Throws: The reader's error; `StreamEnded` after `finish`; `CancellationError`.
  package func write(_ bytes: [UInt8]) async throws {
    try Task.checkCancellation()
    let id = try append(bytes)
    guard state.withLock({ $0.unread > Self.bufferLimit }) else { return }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let result = state.withLock { state -> Result<Void, any Error>? in
          if let end = state.end { return .failure(end.error) }
          if state.unread <= Self.bufferLimit { return .success(()) }
          if Task.isCancelled { return .failure(CancellationError()) }
          state.writers.append(Writer(id: id, continuation: continuation))
          return nil
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      let writer = state.withLock { state in
        state.writers.firstIndex { $0.id == id }.map { state.writers.remove(at: $0) }
      }
      writer?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Adds bytes to the body without waiting for the reader.
  ///
  /// - Returns: The number of the write.
  /// - Throws: The reader's error; `StreamEnded` after `finish`.
  @discardableResult
  package func append(_ bytes: [UInt8]) throws -> Int {
    let (id, wake) = try state.withLock { state in
      if let end = state.end { throw end.error }
      if !bytes.isEmpty { state.pieces.append(bytes) }
      state.unread += bytes.count
      state.lastID += 1
      return (state.lastID, state.wakeReader())
    }
    wake?()
    return id
  }

  /// Ends the body; only the first call has an effect. Unread bytes are still sent.
  ///
  /// - Parameter trailer: The field lines after the body (RFC 9112, section 7.1.2).
  package func finish(trailer: HTTPHeaders = [:]) {
    let (writers, wake) = state.withLock { state -> ([Writer], (@Sendable () -> Void)?) in
      guard state.end == nil else { return ([], nil) }
      state.end = .finished(trailer: trailer)
      return (state.removeWriters(), state.wakeReader())
    }
    // Their bytes are in the buffer and are sent; further writes fail.
    for writer in writers { writer.continuation.resume(throwing: StreamEnded()) }
    wake?()
  }

  // MARK: - Reading

  /// Copies unread bytes into a buffer, as many as fit.
  package func read(into buffer: UnsafeMutableRawBufferPointer) -> Reading {
    let (reading, writers) = state.withLock { state -> (Reading, [Writer]) in
      let count = state.copy(into: buffer)
      if count > 0 { return (.bytes(count), state.unread <= Self.bufferLimit ? state.removeWriters() : []) }
      switch state.end {
      case .finished(let trailer): return (.end(trailer: trailer), [])
      case .failed: return (.failed, [])
      case nil:
        state.isReaderWaiting = true
        return (.pending, [])
      }
    }
    for writer in writers { writer.continuation.resume() }
    return reading
  }

  /// Sets the function to call when a reader that got `.pending` can continue; it may be called on any thread.
  package func onReadable(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.onReadable = action } }

  /// Ends the body because its reader has failed: unread bytes are dropped, and writers get the error.
  package func fail(_ error: any Error) {
    let writers = state.withLock { state -> [Writer] in
      // After `finish` there is no writer to receive the error.
      if state.end == nil { state.end = .failed(error) }
      state.drop()
      return state.removeWriters()
    }
    for writer in writers { writer.continuation.resume(throwing: error) }
  }
}

/// The error of a write to a stream that has ended.
package struct StreamEnded: Error, CustomStringConvertible {
  package let description = "The stream has ended."

  package init() {}
}

extension BodyStream.End {
  fileprivate var error: any Error {
    switch self {
    case .finished: StreamEnded()
    case .failed(let error): error
    }
  }
}

extension BodyStream.State {
  /// Returns the function to call if the reader waits and has something to read.
  fileprivate mutating func wakeReader() -> (@Sendable () -> Void)? {
    guard isReaderWaiting, unread > 0 || end != nil else { return nil }
    isReaderWaiting = false
    return onReadable
  }

  fileprivate mutating func removeWriters() -> [BodyStream.Writer] { exchange(&writers, with: []) }

  /// Copies unread bytes and removes them.
  ///
  /// - Returns: Their number.
  fileprivate mutating func copy(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    var copied = 0
    while copied < buffer.count, first < pieces.count {
      let count = min(pieces[first].count - offset, buffer.count - copied)
      pieces[first].withUnsafeBytes { piece in
        UnsafeMutableRawBufferPointer(rebasing: buffer[copied..<copied + count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: piece[offset..<offset + count]))
      }
      copied += count
      offset += count
      guard offset == pieces[first].count else { break }
      pieces[first] = []
      first += 1
      offset = 0
    }
    unread -= copied
    // Remove pieces in one call: each removal moves all that follow.
    if first == pieces.count || first >= 1024 {
      pieces.removeFirst(first)
      first = 0
    }
    return copied
  }

  /// Drops the unread bytes.
  fileprivate mutating func drop() {
    pieces = []
    (first, offset, unread) = (0, 0, 0)
  }
}
