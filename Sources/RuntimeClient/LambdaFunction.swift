/// The function that this process serves, from the variables that Lambda sets.
public struct LambdaFunction: Sendable, Equatable {
  /// `AWS_LAMBDA_FUNCTION_NAME`.
  public let name: String
  /// `AWS_LAMBDA_FUNCTION_VERSION`.
  public let version: String
  /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB; `nil` if it is not a number.
  public let memoryMB: Int?

  /// Creates a function, for a test of a handler.
  public init(name: String, version: String = "$LATEST", memoryMB: Int? = 128) {
    self.name = name
    self.version = version
    self.memoryMB = memoryMB
  }

  /// Reads the variables; an unset one counts as empty.
  public init(environment: [String: String]) {
    name = environment["AWS_LAMBDA_FUNCTION_NAME"] ?? ""
    version = environment["AWS_LAMBDA_FUNCTION_VERSION"] ?? ""
    memoryMB = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"].flatMap { Int($0) }
  }
}
