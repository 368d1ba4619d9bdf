/// A repeated delivery, to find its cause.
struct Repetition: Encodable {
  let roomKey: String
  /// Milliseconds of the scenario's time since the start.
  let time: Double
}

/// Deliveries of one body: how often each person received it, and when.
final class Frame {
  /// The length of a bucket of `reachedPerBucket`, in microseconds of the scenario's time.
  static let bucket: Microseconds = 100_000
  private static let maximumRepetitions = 50
  private static let marker = Array(#"{"n":"#.utf8)

  let room: Room
  /// The numbers of the messages in it.
  let messages: [Int]
  let bytes: Int
  /// Deliveries to each person, and those of them whose answer was lost.
  private(set) var deliveries: [UInt8]
  private(set) var lostAnswers: [UInt8]
  private(set) var reached = 0
  private(set) var firstReached: Microseconds?
  private(set) var lastReached: Microseconds?
  /// The first repeated deliveries whose answers were not lost by the network.
  private(set) var repetitions: [Repetition] = []
  /// First deliveries by time since the start.
  private(set) var reachedPerBucket: [Int32] = []

  init(body: [UInt8], room: Room) {
    self.room = room
    bytes = body.count
    messages = Self.messages(in: body)
    // Answers to one client are not counted.
    deliveries = [UInt8](repeating: 0, count: messages.isEmpty ? 0 : room.people)
    lostAnswers = deliveries
  }

  /// - Parameter time: since the start, in the scenario's time.
  func deliver(to number: Int, isAnswerLost: Bool, at time: Microseconds) {
    guard !messages.isEmpty else { return }
    if deliveries[number] == 0 {
      reached += 1
      firstReached = firstReached ?? time
      lastReached = time
      let bucket = Int(time / Self.bucket)
      while reachedPerBucket.count <= bucket { reachedPerBucket.append(0) }
      reachedPerBucket[bucket] += 1
    }
    if deliveries[number] > lostAnswers[number], repetitions.count < Self.maximumRepetitions {
      repetitions.append(Repetition(roomKey: room.roomKey(number), time: Double(time) / 1000))
    }
    if deliveries[number] < .max { deliveries[number] += 1 }
    if isAnswerLost, lostAnswers[number] < .max { lostAnswers[number] += 1 }
  }

  /// The numbers in a body's messages, which are all of the form `{"n":1}`.
  static func messages(in body: [UInt8]) -> [Int] {
    var numbers: [Int] = []
    var index = 0
    while index + marker.count < body.count {
      guard body[index] == marker[0], body[index..<index + marker.count].elementsEqual(marker) else {
        index += 1
        continue
      }
      index += marker.count
      var number = 0
      while index < body.count, body[index] >= UInt8(ascii: "0"), body[index] <= UInt8(ascii: "9") {
        number = number * 10 + Int(body[index] - UInt8(ascii: "0"))
        index += 1
      }
      numbers.append(number)
    }
    return numbers
  }
}
