import Log

/// Classes of rooms by their number of people: the dimension of metrics, of few values because each costs.
enum RoomSize: String, CaseIterable {
  case to100 = "1-100"
  case to1000 = "101-1000"
  case to10000 = "1001-10000"
  case to100000 = "10001-100000"
  case above = "above 100000"

  /// Returns the class of a room.
  init(people: Int) {
    self =
      switch people {
      case ...100: .to100
      case ...1000: .to1000
      case ...10_000: .to10000
      case ...100_000: .to100000
      default: .above
      }
  }

  /// The metrics of a delivery by the size of its room.
  ///
  /// - Parameters:
  ///   - people: the rows that were read.
  ///   - reached: the people who were reached.
  ///   - time: from the start to the last post.
  static func metrics(people: Int, reached: Int, time: Duration) -> Metrics.Group {
    Metrics.Group(
      dimension: "RoomSize", value: RoomSize(people: people).rawValue,
      [.init("DeliveryTime", .milliseconds, time / .milliseconds(1)), .init("Reached", .count, Double(reached))])
  }
}
