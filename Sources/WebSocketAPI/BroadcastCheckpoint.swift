/// The connection through which a range of a room is served: it and all rows before it have a final result.
struct BroadcastCheckpoint {
  private struct Row {
    let connectionID: String
    var isSettled = false
  }

  /// The rows behind the checkpoint, by number: the indices of the slice stay when its first elements are removed.
  private var rows: ArraySlice<Row> = []
  /// The last served connection; at first the connection after which the broadcast starts.
  private(set) var servedThrough: String?

  init(after connectionID: String?) { servedThrough = connectionID }

  /// Adds the next row of the range.
  ///
  /// - Returns: the row's number.
  mutating func add(_ connectionID: String) -> Int {
    rows.append(Row(connectionID: connectionID))
    return rows.endIndex - 1
  }

  /// Records the final result of a row.
  mutating func settle(_ row: Int) {
    guard rows.indices.contains(row) else { return }
    rows[row].isSettled = true
    while let first = rows.first, first.isSettled {
      servedThrough = first.connectionID
      rows.removeFirst()
    }
  }
}
