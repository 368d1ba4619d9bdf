import AWS

/// The checkpoint's row.
extension RangeCheckpoint {
  static let attributeNames = ["after", "isDone", "reached", "gone", "slow", "failed"]

  var attributes: DynamoDB.Item {
    var item: DynamoDB.Item = [
      "isDone": .bool(isDone), "reached": .int(reached), "gone": .int(gone), "slow": .int(slow), "failed": .int(failed),
    ]
    item["after"] = after.map { .string($0) }
    return item
  }

  init(_ item: DynamoDB.Item) {
    self.init(
      after: item["after"]?.string, isDone: item["isDone"] == .bool(true), reached: item["reached"]?.int ?? 0,
      gone: item["gone"]?.int ?? 0, slow: item["slow"]?.int ?? 0, failed: item["failed"]?.int ?? 0)
  }
}
