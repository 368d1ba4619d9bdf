/// The position of a broadcast in the table, one page ahead of the posts.
struct BroadcastPages {
  /// The start of a page; `nil` for the first page.
  struct Key: Equatable {
    let connectionID: String?
  }

  private enum State {
    case next(Key)
    case fetching
    case fetched([Connection], next: Key?)
    case end
  }

  /// The connection after which the reading starts; `nil` for the first row.
  let start: String?
  private var state: State
  private var seen: Set<String> = []

  /// Starts after a connection, or with the first row if that is `nil`.
  init(after connectionID: String? = nil) {
    start = connectionID
    state = .next(Key(connectionID: connectionID))
  }

  /// Starts with pages that were already read, without a connection that is posted to before them.
  init(read pages: [ConnectionPage], without connection: Connection?) {
    start = nil
    let rows = ConnectionPage(pages.flatMap(\.connections), next: pages.last?.next).without(connection)
    state =
      pages.isEmpty
      ? .next(Key(connectionID: nil)) : .fetched(rows.connections, next: rows.next.map { Key(connectionID: $0) })
    seen = Set(pages.compactMap(\.next))
  }

  /// Whether every page was posted or is being posted.
  var isEnd: Bool { if case .end = state { true } else { false } }

  /// Starts the fetch of the next page.
  ///
  /// - Returns: the start of the page; `nil` if no page is to be fetched now.
  mutating func fetch() -> Key? {
    guard case .next(let key) = state else { return nil }
    state = .fetching
    return key
  }

  /// Records a fetched page or the error of the fetch.
  ///
  /// - Returns: the error that ends the reading, if any.
  mutating func record(_ result: Result<ConnectionPage, any Error>) -> (any Error)? {
    switch result {
    case .success(let page):
      guard let next = page.next else {
        state = .fetched(page.connections, next: nil)
        return nil
      }
      // A cycle of keys would post to the same connections until the deadline.
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

  /// Advances past the fetched page.
  ///
  /// - Returns: the rows of the page; `nil` if none is fetched.
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
