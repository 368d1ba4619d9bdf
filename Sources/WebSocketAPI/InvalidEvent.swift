/// An event that is not from an API Gateway WebSocket API, or that no handler accepts.
public struct InvalidEvent: Error, Sendable, Equatable, CustomStringConvertible {
  /// One sentence; it quotes nothing of the event's headers, query or body.
  public let description: String

  /// Creates an error with a sentence.
  public init(_ description: String) { self.description = description }

  init(problem: String) {
    self.init("The event is not one of an API Gateway WebSocket API: \(problem).")
  }
}
