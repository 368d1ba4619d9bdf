import JSON

/// An event of the function `publish`, by its caller. Its messages are JSON texts that are not checked yet.
enum PublishEvent: Equatable {
  /// One message: of any caller, or the `detail` of an EventBridge event.
  case one([UInt8])
  /// A list of messages.
  case list([[UInt8]])
  /// The records of an SQS queue.
  case queue([Record], isFIFO: Bool)
  /// The records of an SNS topic.
  case notifications([[UInt8]])

  /// A record of a queue: its id, and its body.
  struct Record: Equatable {
    let id: String
    let body: [UInt8]
  }

  static let listCount = 1...100

  /// Reads an event.
  ///
  /// - Throws: `Refusal`, which names the invalid field and never quotes the event.
  init(json: [UInt8]) throws(Refusal) {
    guard let json = JSONText.utf8(json), JSONText.isValid(json) else { throw .invalid("The event is not JSON.") }
    var scanner = JSONScanner(json)
    switch scanner.peek() {
    case UInt8(ascii: "["): self = .list(try Self.list(json))
    case UInt8(ascii: "{"):
      let fields = JSONScanner.members(of: json) ?? [:]
      if let records = fields["Records"] {
        self = try Self.records(records)
      } else if let detail = fields["detail"], fields["detail-type"] != nil {
        self = .one(detail)
      } else {
        self = .one(json)
      }
    default:
      throw .invalid("The event must be a message, a list of messages, or an event of SQS, SNS or EventBridge.")
    }
  }

  private static func list(_ json: [UInt8]) throws(Refusal) -> [[UInt8]] {
    let elements = JSONScanner.elements(of: json) ?? []
    guard listCount.contains(elements.count) else {
      throw .invalid("A list must have \(listCount.lowerBound) to \(listCount.upperBound) messages.")
    }
    return elements
  }

  private static func records(_ json: [UInt8]) throws(Refusal) -> PublishEvent {
    guard let elements = JSONScanner.elements(of: json), !elements.isEmpty else {
      throw .invalid("Records must be a list of at least one record.")
    }
    let records = elements.map { JSONScanner.members(of: $0) ?? [:] }
    if string(records[0]["EventSource"]) == "aws:sns" {
      var messages: [[UInt8]] = []
      for (index, record) in records.enumerated() {
        guard let message = string(record["Sns"].flatMap { JSONScanner.members(of: $0)?["Message"] }) else {
          throw .invalid("Records[\(index)].Sns.Message must be a string.")
        }
        messages.append(Array(message.utf8))
      }
      return .notifications(messages)
    }
    guard string(records[0]["eventSource"]) == "aws:sqs" else {
      throw .invalid("Records must come from SQS (eventSource aws:sqs) or SNS (EventSource aws:sns).")
    }
    var bodies: [Record] = []
    for (index, record) in records.enumerated() {
      guard let id = string(record["messageId"]) else {
        throw .invalid("Records[\(index)].messageId must be a string.")
      }
      guard let body = string(record["body"]) else { throw .invalid("Records[\(index)].body must be a string.") }
      bodies.append(Record(id: id, body: Array(body.utf8)))
    }
    return .queue(bodies, isFIFO: string(records[0]["eventSourceARN"])?.hasSuffix(".fifo") ?? false)
  }

  private static func string(_ json: [UInt8]?) -> String? { json.flatMap { JSONScanner.string(of: $0) } }
}
