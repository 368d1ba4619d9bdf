import AWS

/// The lease's row.
extension Delivery {
  var attributes: DynamoDB.Item {
    var item: DynamoDB.Item = [
      "delivery": .string(round.text), "until": .int(until), "isFull": .bool(isFull),
      "isStarted": .bool(startBy == nil), "startBy": .int(startBy ?? 0),
    ]
    if !ranges.isEmpty { item["ranges"] = .stringSet(ranges.sorted()) }
    return item
  }

  init?(_ item: DynamoDB.Item) {
    guard let room = item["id"]?.string, let until = item["until"]?.int,
      let round = item["delivery"]?.string.flatMap({ MessageID($0) })
    else { return nil }
    self.init(
      room: room, round: round, ranges: Set(item["ranges"]?.stringSet ?? []), until: until,
      isFull: item["isFull"] == .bool(true), startBy: item["isStarted"] == .bool(true) ? nil : item["startBy"]?.int)
  }
}
