/// The connection through which a range of a room is served: the end of the last page such that all rows of it and of
/// all pages before have a final result. Counts rows by page.
struct BroadcastCheckpoint {
  private struct Page {
    let end: String
    /// The rows without a final result.
    var pending: Int
  }

  /// The pages that are not served, by number: the indices of the slice stay when its first elements are removed.
  private var pages: ArraySlice<Page> = []
  /// The last connection of the last served page; at first the connection after which the broadcast starts.
  private(set) var servedThrough: String?

  init(after connectionID: String?) { servedThrough = connectionID }

  /// The number of the page that was opened last.
  var currentPage: Int { pages.endIndex - 1 }

  /// Opens a page of rows that are to be posted to.
  ///
  /// - Parameter end: the connection at which the page ends; `nil` if the page has no rows and is the last.
  mutating func open(rows: Int, end: String?) {
    guard let end else { return }
    pages.append(Page(end: end, pending: rows))
    advance()
  }

  /// Records the final result of a row.
  mutating func settle(_ page: Int) {
    guard pages.indices.contains(page) else { return }
    pages[page].pending -= 1
    if page == pages.startIndex { advance() }
  }

  /// Records the final result of a row of the page that was opened last.
  mutating func settleCurrent() { settle(currentPage) }

  private mutating func advance() {
    while let page = pages.first, page.pending <= 0 {
      servedThrough = page.end
      pages.removeFirst()
    }
  }
}
