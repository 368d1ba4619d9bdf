import Foundation
import RuntimeClient
import TestSupport
import Testing

/// The variables that the program reads.
struct ProcessEnvironmentTests {
  @Test("The variables are those of Foundation, with empty values, equals signs and other scripts")
  func variables() async {
    // In a process of its own, because other tests read and set variables at the same time.
    await #expect(processExitsWith: .success) {
      setenv("EMPTY", "", 1)
      setenv("EQUALS", "a=b=c", 1)
      setenv("SCRIPT", "\u{65E5}\u{672C} e\u{301}", 1)
      let variables = ProcessEnvironment.variables()
      #expect(variables["EMPTY"] == "")
      #expect(variables["EQUALS"] == "a=b=c")
      #expect(variables == ProcessInfo.processInfo.environment)
    }
  }
}
