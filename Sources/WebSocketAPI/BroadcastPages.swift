/// How far a broadcast has read the table: one page ahead of the posts.
struct BroadcastPages {
  /// Where a page starts; `nil` for the first page.
  struct Key: Equatable {
    let connectionID: String?
  }

  private enum State {
    case next(Key)
    case fetching
    case fetched([Connection], next: Key?)
    case end
  }

  private var state = State.next(Key(connectionID: nil))
  private var seen: Set<String> = []

  /// Whether every page was posted or is being posted.
  var isEnd: Bool { if case .end = state { true } else { false } }

  /// The key to fetch a page from, `nil` if none is to be fetched now.
  mutating func fetch() -> Key? {
    guard case .next(let key) = state else { return nil }
    state = .fetching
    return key
  }

  /// Takes a fetched page, or the error in its place.
  ///
  /// - Returns: the error that keeps the rest of the table from being read.
  mutating func record(_ result: Result<ConnectionPage, any Error>) -> (any Error)? {
    switch result {
    case .success(let page):
      guard let next = page.next else {
        state = .fetched(page.connections, next: nil)
        return nil
      }
      // Keys that repeat, in a cycle of any length, would post to the same connections until the deadline.
      guard seen.insert(next).inserted else {
        state = .fetched(page.connections, next: nil)
        return RepeatedPageKey()
      }
      state = .fetched(page.connections, next: Key(connectionID: next))
      return nil
    case .failure(let error):
      state = .end
      return error
    }
  }

  /// Moves past the fetched page.
  ///
  /// - Returns: its rows, `nil` if no page is there.
  mutating func turn() -> [Connection]? {
    guard case .fetched(let connections, let next) = state else { return nil }
    state = next.map { .next($0) } ?? .end
    return connections
  }

  /// Ends the reading.
  ///
  /// - Returns: the rows that were fetched but not posted, and whether the table was read to its end.
  mutating func finish() -> (rows: [Connection], isComplete: Bool) {
    defer { state = .end }
    return switch state {
    case .end: ([], true)
    case .fetched(let connections, let next): (connections, next == nil)
    case .next, .fetching: ([], false)
    }
  }
}

/// The table returned a key that it had returned before.
struct RepeatedPageKey: Error, CustomStringConvertible {
  let description = "the table returned the same LastEvaluatedKey twice"
}
