import Foundation
import RuntimeClient
import RuntimeTesting
import Testing

@testable import Orders

/// Tests of a function: its logic in memory, and its executable on an emulated Runtime API.
@Suite(.timeLimit(.minutes(10)))
struct OrdersTests {
  @Test("The total includes the tax")
  func total() throws {
    #expect(try Tax(percent: 20).receipt(for: Order(id: 7, price: 12.5)) == Receipt(order: 7, total: 15))
  }

  @Test("A negative price is refused")
  func negativePrice() {
    #expect(throws: FunctionError.self) { try Tax(percent: 20).receipt(for: Order(id: 7, price: -1)) }
  }

  @Test("The executable answers its event file, reports errors and ends on SIGTERM")
  func served() async throws {
    let emulator = try RuntimeAPIEmulator()
    let function = try FunctionProcess("Orders", on: emulator)
    let event = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "../Orders/event.json")
    let response = try await emulator.invoke(String(contentsOf: event, encoding: .utf8))
    #expect(response.call.isResponse)
    let receipt = try JSONDecoder().decode([String: Double].self, from: Data(response.text.utf8))
    #expect(receipt == ["order": 7, "total": 15])

    let error = try await emulator.invoke(#"{"id":8,"price":"12.5"}"#)
    #expect(error.request.headers["Lambda-Runtime-Function-Error-Type"] == "Runtime.UnmarshalError")
    #expect(await function.stop() == 0)
    #expect(function.log.contains("An order arrived.\tid=7"))
  }
}
