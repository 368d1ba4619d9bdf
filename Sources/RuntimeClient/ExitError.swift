/// The reason for an exit code other than 0.
struct ExitError: Error, Equatable {
  /// The codes of `sysexits.h`, and 1 for all other reasons.
  enum Code: Int32 {
    case failure = 1
    case usage = 64
    case dataError = 65
    case noInput = 66
    case configuration = 78
  }

  let code: Code
  /// One line for a person.
  let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
