/// A missing or invalid environment variable, with the action to take.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// One sentence, which names the variable.
  public let description: String

  /// Creates an error with a sentence.
  public init(_ description: String) { self.description = description }
}
