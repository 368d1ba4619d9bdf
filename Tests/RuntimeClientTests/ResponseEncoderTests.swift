import Foundation
import Testing

@testable import RuntimeClient

/// The encoder of responses against `JSONEncoder`: equal where it encodes, and void for the rest.
struct ResponseEncoderTests {
  private func fast(_ value: some Encodable) -> String? {
    ResponseEncoder.encode(value, except: Lambda.foundationTypes).map { String(decoding: $0, as: UTF8.self) }
  }

  private func reference(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  @Test("A value is encoded so that it is decoded to an equal one")
  func roundTrip() throws {
    let order = try JSONDecoder().decode(EventDecoderTests.Order.self, from: Data(EventDecoderTests.order.utf8))
    let bytes = try #require(ResponseEncoder.encode(order, except: Lambda.foundationTypes))
    #expect(try JSONDecoder().decode(EventDecoderTests.Order.self, from: Data(bytes)) == order)
    #expect(
      EventDecoder.decode(EventDecoderTests.Order.self, from: bytes, except: Lambda.foundationTypes) == order)
  }

  @Test("Members are written in the order in which they are declared")
  func order() {
    struct Receipt: Encodable { let total: Double, id: Int?, name: String, link: String?, paid: Bool, rest: [Int] }
    #expect(
      fast(Receipt(total: 24, id: nil, name: "a\"\\/\n\u{1}é", link: nil, paid: false, rest: []))
        == #"{"total":24,"name":"a\"\\/\n\u0001é","paid":false,"rest":[]}"#)
  }

  @Test("Scalars are those of JSONEncoder")
  func scalars() throws {
    for value in [0, -0.0, 24, 0.1, 1e16, 1e300, .leastNonzeroMagnitude, -1.5, .pi, 2_147_483_648] {
      #expect(fast(value) == (try reference(value)))
    }
    for value in [Float(0.1), 3, 1e20] { #expect(fast(value) == (try reference(value))) }
    #expect(fast(Int8.min) == (try reference(Int8.min)))
    #expect(fast(UInt64.max) == (try reference(UInt64.max)))
    #expect(fast([true, false, nil]) == (try reference([true, false, nil])))
    #expect(fast(["a": ["b": [1: Date(timeIntervalSinceReferenceDate: 2.5)]]]) == #"{"a":{"b":{"1":2.5}}}"#)
    #expect(fast(Optional<Int>.none) == "null")
    #expect(
      fast(UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)))
        == #""01020304-0506-0708-090A-0B0C0D0E0F10""#)
  }

  @Test("What needs JSONEncoder's rules or errors is left to it")
  func void() {
    struct Caught: Encodable {
      func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try? list.encode(Double.nan)
        try list.encode(1)
      }
    }
    struct Rejecting: Encodable {
      struct Rejected: Error {}
      func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try list.encode(1)
        throw Rejected()
      }
    }
    struct Skipping: Encodable {
      func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try list.encode(2)
        try? list.encode(Rejecting())
      }
    }
    struct Nothing: Encodable { func encode(to encoder: any Encoder) {} }
    #expect(fast(Double.infinity) == nil)
    #expect(fast([Float.nan]) == nil)
    #expect(fast(Caught()) == nil)
    #expect(fast(Skipping()) == nil)
    #expect(fast(["data": Data([1])]) == nil)
    #expect(fast([URL(string: "https://a.example")]) == nil)
    #expect(fast(Decimal(1)) == nil)
    #expect(fast(Nothing()) == nil)
    #expect(fast([Nothing()]) == nil)
  }

  @Test("Containers that are filled alternately are left to JSONEncoder")
  func alternating() throws {
    enum Key: String, CodingKey { case a, b }
    struct Nested: Encodable {
      func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: Key.self)
        var inner = outer.nestedContainer(keyedBy: Key.self, forKey: .a)
        try outer.encode(1, forKey: .b)
        try inner.encode(2, forKey: .b)
      }
    }
    struct Twice: Encodable {
      func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: Key.self)
        try outer.encode(1, forKey: .a)
        try outer.encode(2, forKey: .a)
      }
    }
    class Base: Encodable { let a = 1 }
    final class Derived: Base {
      override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(2, forKey: .b)
        try super.encode(to: container.superEncoder())
      }
    }
    struct Resumed: Encodable {
      func encode(to encoder: any Encoder) throws {
        var first = encoder.container(keyedBy: Key.self)
        try first.encode([1], forKey: .a)
        var second = encoder.container(keyedBy: Key.self)
        try second.encode("x", forKey: .b)
      }
    }
    #expect(fast(Nested()) == nil)
    #expect(String(decoding: try Lambda.encode(Nested(), nil), as: UTF8.self).count == #"{"a":{"b":2},"b":1}"#.count)
    #expect(fast(Twice()) == nil)
    #expect(fast(Derived()) == nil)
    #expect(fast(Resumed()) == #"{"a":[1],"b":"x"}"#)
  }

  @Test("An error of the response's own type is reported by that type")
  func ownError() {
    struct Rejected: Error {}
    struct Response: Encodable { func encode(to encoder: any Encoder) throws { throw Rejected() } }
    let error = #expect(throws: FunctionError.self) { try Lambda.encode(Response(), nil) }
    #expect(error?.message == "The response cannot be encoded: Rejected.")
  }
}
