/// The results of a scenario. Times are in milliseconds of the scenario's time since its start.
struct Report: Encodable {
  struct RoomReport: Encodable {
    let name: String
    let people: Int
    let readers: Int
    let deletedRows: Int
  }

  struct FrameReport: Encodable {
    let room: Int
    let messages: [Int]
    let bytes: Int
    let reached: Int
    let firstReached: Double?
    let lastReached: Double?
    /// First deliveries in each 100 ms since the start.
    let reachedPerBucket: [Int32]
    let repetitions: [Repetition]
  }

  /// A client's message. `missed`, `once` and `more` are numbers of people who read.
  struct MessageReport: Encodable {
    let number: Int
    let room: Int
    let sent: Double
    let answered: Double?
    let status: Int?
    let frames: [Int]
    let missed: Int
    let once: Int
    let more: Int
    /// Those of `more` who received it again for another reason than an answer that the network lost.
    let repeated: Int
    /// The most deliveries to one person.
    let most: Int
  }

  let factor: Double
  let seconds: Double
  let rooms: [RoomReport]
  let frames: [FrameReport]
  let messages: [MessageReport]
  let posts: Posts.Counters
  let lambda: LambdaModel.Counters
  let peakKilobytes: [String: Int]
  let dynamoDB: [String: Int]
  let refusedConditions: Int
  let peakWriteUnits: [String: Int]
  let leftRows: Int
  let timeline: Timeline
  /// The 99th percentile of the lateness of responses, in real milliseconds.
  let lateness: Int
  /// The model's own CPU time in seconds, without the start and the report.
  let processorSeconds: Double
  let isComplete: Bool
  /// Requests that the model refused, and errors of functions.
  let problems: [String]
}

extension Report.MessageReport {
  /// Counts what each person received of one message, in all frames that contain it.
  init(_ message: Message, frames: [Frame]) {
    let containing = frames.indices.filter {
      frames[$0].messages.contains(message.number) && frames[$0].room === message.room
    }
    var counts = (missed: 0, once: 0, more: 0, repeated: 0, most: 0)
    for person in 0..<message.room.people where message.room.kind(person) == .reader {
      var deliveries = 0
      var lost = 0
      for index in containing {
        deliveries += Int(frames[index].deliveries[person])
        lost += Int(frames[index].lostAnswers[person])
      }
      // A sender receives a message to a large room at once, and again with everyone else.
      if person == message.sender, deliveries > 1 { deliveries -= 1 }
      switch deliveries {
      case 0: counts.missed += 1
      case 1: counts.once += 1
      default:
        counts.more += 1
        if deliveries - lost > 1 { counts.repeated += 1 }
      }
      counts.most = max(counts.most, deliveries)
    }
    self.init(
      number: message.number, room: message.room.index, sent: message.sent, answered: message.answered,
      status: message.status, frames: containing, missed: counts.missed, once: counts.once, more: counts.more,
      repeated: counts.repeated, most: counts.most)
  }
}

/// A message of a client of the model.
final class Message {
  let number: Int
  let room: Room
  /// The number of the person who sends it.
  let sender: Int
  let sent: Double
  var answered: Double?
  var status: Int?

  init(number: Int, room: Room, sender: Int, sent: Double) {
    self.number = number
    self.room = room
    self.sender = sender
    self.sent = sent
  }
}
