import RuntimeTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct HelloTests {
  @Test("Answers with its event, byte for byte, in an object")
  func served() async throws {
    let emulator = try RuntimeAPIEmulator()
    let function = try FunctionProcess("Hello", on: emulator)
    #expect(try await emulator.invoke(#"{ "a": [1, "ü"] }"#).text == #"{"hello":{ "a": [1, "ü"] }}"#)
    #expect(await function.stop() == 0)
  }
}
