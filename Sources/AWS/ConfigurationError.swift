/// What is missing or wrong in the environment, and what to do about it.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A sentence for a person.
  public let description: String

  /// Makes an error of a sentence.
  public init(_ description: String) { self.description = description }
}

extension [String: String] {
  /// The variable's value, `nil` where it is not set or empty: the AWS SDKs take the two for the same.
  func value(_ name: String) -> String? {
    guard let value = self[name], !value.isEmpty else { return nil }
    return value
  }
}
