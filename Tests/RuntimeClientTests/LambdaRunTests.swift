import Foundation
import RuntimeClient
import TestServers
import TestSupport
import Testing

/// Each form of `Lambda.run`, in a process of its own on an emulated Runtime API.
@Suite(.ownThread, .timeLimit(.minutes(30)))
struct LambdaRunTests {
  struct Order: Decodable { let id: Int, price: Double }
  struct Receipt: Encodable { let total: Double }
  struct Unavailable: Error, CustomStringConvertible { let description = "The database is unavailable." }

  /// Serves one event to this process, and ends it with code 3 unless the answer is the expected one.
  private static func emulate(_ event: String, _ isExpected: @escaping @Sendable (RuntimeAPIEmulator.Answer) -> Bool)
    throws
  {
    let emulator = try RuntimeAPIEmulator([.init("a", event)])
    setenv("AWS_LAMBDA_RUNTIME_API", emulator.address, 1)
    Thread.detachNewThread {
      while true {
        if let answer = emulator.answers.first {
          if isExpected(answer) { kill(getpid(), SIGTERM) } else { _exit(3) }
          return
        }
        Thread.sleep(forTimeInterval: 0.002)
      }
    }
  }

  private static func emulate(_ event: String, response: String) throws {
    try emulate(event) { $0.call == .response("a") && $0.text == response }
  }

  @Test("The event is decoded and the response encoded")
  func codable() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate(#"{"id":1,"price":10}"#, response: #"{"total":12}"#)
      Lambda.run { (order: Order, context: InvocationContext) in Receipt(total: order.price * 1.2) }
    }
  }

  @Test("The event is decoded and the response encoded, with setUp, a decoder and an encoder")
  func codableWithSetUp() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate(#"{"ID":"2026-01-01T00:00:00Z"}"#, response: #"{"a_b":1767225601}"#)
      struct Event: Decodable { let ID: Date }
      struct Response: Encodable { let aB: Double }
      let (decoder, encoder) = (JSONDecoder(), JSONEncoder())
      decoder.dateDecodingStrategy = .iso8601
      encoder.keyEncodingStrategy = .convertToSnakeCase
      Lambda.run(decoder: decoder, encoder: encoder, setUp: { try await one() }) {
        (event: Event, _: InvocationContext, value: Int) async throws in
        Response(aB: event.ID.timeIntervalSince1970 + Double(value))
      }
      @Sendable func one() async throws -> Int { 1 }
    }
  }

  @Test("The response of a function that returns no value is null")
  func noResponse() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate(#"{"id":1,"price":10}"#, response: "null")
      Lambda.run { (order: Order, context: InvocationContext) in
        context.logger.info("An order arrived.", ["id": .int(order.id)])
      }
    }
  }

  @Test("A function that returns no value gets the value of setUp, and can throw")
  func noResponseWithSetUp() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate(#"{"id":1,"price":10}"#) { $0.call == .error("a") && $0.text.contains("Order 1: 5") }
      Lambda.run(setUp: { 5 }) { (order: Order, _: InvocationContext, value: Int) in
        if order.id == 1 { throw FunctionError(type: "A", message: "Order \(order.id): \(value)") }
      }
    }
  }

  @Test("The bytes of the event are not decoded, even if they are a JSON array")
  func raw() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate("[1,2]", response: "[1,2] ")
      Lambda.run { event, _ in event + Array(" ".utf8) }
    }
  }

  @Test("The bytes of the event are not decoded, with setUp")
  func rawWithSetUp() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate("1", response: "1!")
      Lambda.run(setUp: { Array("!".utf8) }) { event, _, suffix in event + suffix }
    }
  }

  @Test("The response to raw bytes is streamed")
  func streaming() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate("[1,2]", response: "[1,2]!")
      Lambda.run { event, response, _ in
        try await response.write(event)
        try await response.write("!")
      }
    }
  }

  @Test("The response to raw bytes is streamed, with setUp")
  func streamingWithSetUp() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate("1", response: "1!")
      Lambda.run(setUp: { "!" }) { event, response, _, suffix in
        try await response.write(event)
        try await response.write(suffix)
      }
    }
  }

  @Test("The response to a decoded event is streamed")
  func codableStreaming() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate(#"{"id":3,"price":10}"#, response: "012")
      Lambda.run { (order: Order, response: ResponseStream, _: InvocationContext) in
        for number in 0..<order.id { try await response.write("\(number)") }
      }
    }
  }

  @Test(
    "With setUp and a streamed response, an event that the given decoder cannot decode is an error")
  func codableStreamingWithSetUp() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate(#"{"ID":"no date"}"#) { $0.call == .error("a") && $0.text.contains("Runtime.UnmarshalError") }
      struct Event: Decodable { let ID: Date }
      let decoder = JSONDecoder()
      decoder.dateDecodingStrategy = .iso8601
      Lambda.run(decoder: decoder, setUp: { 1 }) {
        (event: Event, response: ResponseStream, _: InvocationContext, value: Int) in
        try await response.write("\(event.ID.timeIntervalSince1970 + Double(value))")
      }
    }
  }

  @Test("An error of setUp goes to init/error, then exit code 1")
  func setUpFails() async {
    await #expect(processExitsWith: .exitCode(1)) {
      try Self.emulate("1") { $0.call == .initError && $0.text.contains("The database is unavailable.") }
      Lambda.run(setUp: { throw Unavailable() }) { (event: Int, _: InvocationContext, _: Int) in event }
    }
  }

  @Test("SIGTERM during setUp: exit code 0")
  func terminatedWhileSettingUp() async {
    await #expect(processExitsWith: .success) {
      try Self.emulate("1") { _ in false }
      Thread.detachNewThread {
        Thread.sleep(forTimeInterval: 0.3)
        kill(getpid(), SIGTERM)
      }
      Lambda.run(setUp: { try await Task.sleep(for: .seconds(30)) }) { (_: Int, _: InvocationContext, _: Void) in }
    }
  }
}
