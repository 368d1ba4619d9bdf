/// The table of messages, with the keys `room` and `id`, in memory.
struct MessagesTable {
  private var partitions: [String: [(id: String, item: Attribute.Item)]] = [:]

  /// The number of items.
  var count: Int { partitions.values.reduce(0) { $0 + $1.count } }

  /// Splits off an item's key.
  static func key(of item: Attribute.Item) throws(DynamoDBError) -> (room: String, id: String) {
    guard let room = item["room"]?.string, let id = item["id"]?.string, !room.isEmpty, !id.isEmpty else {
      throw .validation("the key needs the strings room and id")
    }
    return (room, id)
  }

  subscript(_ key: (room: String, id: String)) -> Attribute.Item? {
    get {
      guard let rows = partitions[key.room] else { return nil }
      let position = Self.position(of: key.id, in: rows)
      return position < rows.count && rows[position].id == key.id ? rows[position].item : nil
    }
    set {
      var rows = partitions.removeValue(forKey: key.room) ?? []
      let position = Self.position(of: key.id, in: rows)
      let exists = position < rows.count && rows[position].id == key.id
      switch (newValue, exists) {
      case (let item?, true): rows[position].item = item
      case (let item?, false): rows.insert((key.id, item), at: position)
      case (nil, true): rows.remove(at: position)
      case (nil, false): break
      }
      if !rows.isEmpty { partitions[key.room] = rows }
    }
  }

  /// The items of a partition whose ids satisfy a condition, in order.
  ///
  /// - Parameters:
  ///   - start: the id after which the page starts, in its direction.
  ///   - limit: the most items; pages also end at 1 MB.
  func page(
    _ room: String, isAscending: Bool, after start: String?, limit: Int, where holds: (Attribute.Item) throws -> Bool
  ) rethrows -> (items: [Attribute.Item], isCut: Bool) {
    let rows = partitions[room] ?? []
    var items: [Attribute.Item] = []
    var bytes = 0
    for row in isAscending ? rows : rows.reversed() {
      if let start, isAscending ? row.id <= start : row.id >= start { continue }
      guard try holds(row.item) else { continue }
      items.append(row.item)
      bytes += row.item.size
      if items.count >= limit || bytes >= 1_048_576 { return (items, true) }
    }
    return (items, false)
  }

  private static func position(of id: String, in rows: [(id: String, item: Attribute.Item)]) -> Int {
    var (low, high) = (0, rows.count)
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
