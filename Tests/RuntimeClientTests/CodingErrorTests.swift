import Foundation
import Testing

@testable import RuntimeClient

/// Errors of the typed forms of `Lambda.run`, without a process.
struct CodingErrorTests {
  struct Item: Decodable { let price: Double, since: Date? }
  struct Order: Decodable {
    let id: Int
    let items: [Item]?
    let prices: [String: Double]?
    let link: URL?
  }

  private func error(_ payload: String) async -> FunctionError? {
    let handler = Lambda.codable(nil) { (_: Order, _: InvocationContext) in }
    do {
      _ = try await handler(Array(payload.utf8), InvocationContext())
      return nil
    } catch {
      return error as? FunctionError
    }
  }

  @Test(
    "An event that cannot be decoded is reported by its coding path",
    arguments: [
      (#"{"x":"secret"}"#, "id is missing"), (#"{"id":"secret"}"#, "id is not Int"),
      (#"{"id":null}"#, "id is null, not Int"), (#"{"id":1.5}"#, "a value is invalid"),
      (#"{"id":1,"items":[{"price":1},{"price":"secret"}]}"#, "items[1].price is not Double"),
      (#"{"id":1,"items":[{}]}"#, "items[0].price is missing"),
      (#"{"id":1,"items":[{"price":1,"since":"secret"}]}"#, "items[0].since is not Double"),
      (#"{"id":1,"link":"secret secret://"}"#, "link is invalid"),
      (#"{"id":"#, "it is not JSON"), ("secret", "it is not JSON"), ("", "it is not JSON"),
      (#"["secret"]"#, "the value is not Dictionary<String, Any>"),
    ])
  func codingPath(payload: String, problem: String) async throws {
    let error = try #require(await error(payload))
    #expect(error.type == "Runtime.UnmarshalError")
    #expect(error.message == "The event cannot be decoded: \(problem).")
  }

  @Test("A dictionary's key comes from the event and is not quoted", arguments: ["secret", "Index 5", "5"])
  func dictionaryKey(key: String) async throws {
    let error = try #require(await error(#"{"id":1,"prices":{"\#(key)":"x"}}"#))
    #expect(error.message == "The event cannot be decoded: prices[*] is not Double.")
  }

  @Test("An error that an event's own initializer throws is named by its type alone")
  func ownError() async throws {
    struct Rejected: Error { let value: String }
    struct Strict: Decodable {
      init(from decoder: any Decoder) throws {
        throw Rejected(value: try decoder.singleValueContainer().decode(String.self))
      }
    }
    let handler = Lambda.codable(nil) { (_: Strict, _: InvocationContext) in }
    let error = await #expect(throws: FunctionError.self) {
      try await handler(Array(#""secret""#.utf8), InvocationContext())
    }
    #expect(error?.message == "The event cannot be decoded: Rejected.")
  }

  @Test("A response that cannot be encoded is reported by its coding path")
  func encoding() async throws {
    struct Receipt: Encodable { let total: Double }
    let handler = Lambda.codable(nil, nil) { (_: Int, _: InvocationContext) in
      Receipt(total: .infinity)
    }
    let error = await #expect(throws: FunctionError.self) { try await handler(Array("1".utf8), InvocationContext()) }
    #expect(error?.type == "Runtime.MarshalError")
    #expect(
      error?.message
        == "The response cannot be encoded: total has a value of type Double that JSON cannot represent.")
  }

  @Test("A DecodingError of the handler itself quotes no value either")
  func handlersOwnDecoding() {
    let failure = #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(Order.self, from: Data(#"{"id":1,"link":"secret secret://"}"#.utf8))
    }
    guard let failure else { return }
    #expect(FunctionError(failure).type == "DecodingError")
    #expect(FunctionError(failure).message == "A value cannot be decoded: link is invalid.")
  }

  @Test("A function without a response answers null")
  func noResponse() async throws {
    let handler = Lambda.codable(nil) { (_: Order, _: InvocationContext) in }
    #expect(try await handler(Array(#"{"id":1}"#.utf8), InvocationContext()) == Array("null".utf8))
  }
}
