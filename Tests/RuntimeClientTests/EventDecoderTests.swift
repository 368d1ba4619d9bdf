import Foundation
import Testing

@testable import RuntimeClient

/// The decoder of events against `JSONDecoder`: equal where it decodes, and void for the rest.
struct EventDecoderTests {
  struct Item: Codable, Equatable { let sku: String, count: Int?, price: Double, tags: [String], since: Date? }

  struct Order: Codable, Equatable {
    let id: Int
    let isPaid: Bool
    let items: [Item]
    let notes: [String: String]?
    let counts: [Int: [UInt8]]?
    let ratio: Float?
    let reference: UUID?
  }

  /// A value that is a number, a string or a list of such values.
  indirect enum Mixed: Codable, Equatable {
    case number(Double), text(String), list([Mixed])

    init(from decoder: any Decoder) throws {
      if var list = try? decoder.unkeyedContainer() {
        var values: [Mixed] = []
        while !list.isAtEnd { values.append(try list.decode(Mixed.self)) }
        self = .list(values)
      } else if let number = try? decoder.singleValueContainer().decode(Double.self) {
        self = .number(number)
      } else {
        self = .text(try decoder.singleValueContainer().decode(String.self))
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .number(let value): try container.encode(value)
      case .text(let value): try container.encode(value)
      case .list(let value): try container.encode(value)
      }
    }
  }

  static let order =
    #"{"id":-7,"isPaid":true,"items":[{"sku":"a\u00e9\n€","count":null,"price":9.5,"tags":[]},"#
    + #"{"price":1e3,"sku":"","tags":["x","y"],"count":3,"since":12.25}],"notes":{"a":"b","c d":""},"#
    + #""counts":{"1":[1,255],"-2":[]},"ratio":0.1,"reference":"E621E1F8-C36C-495A-93FC-0C247A3E6E5F","more":[{"x":[1,{}]}]}"#

  private func fast<Value: Decodable>(_ json: String, as type: Value.Type) -> Value? {
    EventDecoder.decode(type, from: Array(json.utf8), except: Lambda.foundationTypes)
  }

  private func reference<Value: Decodable>(_ json: String, as type: Value.Type) -> Value? {
    try? JSONDecoder().decode(type, from: Data(json.utf8))
  }

  @Test("A valid event is decoded as by JSONDecoder")
  func order() throws {
    let order = try #require(fast(Self.order, as: Order.self))
    #expect(order == reference(Self.order, as: Order.self))
    #expect(order.items[0].sku == "aé\n€")
  }

  @Test(
    "Integers of every width are decoded exactly",
    arguments: ["0", "-0", "127", "-128", "255", "32767", "65535", "2147483647", "-2147483648", "9223372036854775807"])
  func integers(json: String) {
    #expect(fast(json, as: Int.self) == reference(json, as: Int.self))
    #expect(fast(json, as: Int8.self) == reference(json, as: Int8.self))
    #expect(fast(json, as: Int16.self) == reference(json, as: Int16.self))
    #expect(fast(json, as: Int32.self) == reference(json, as: Int32.self))
    #expect(fast(json, as: Int64.self) == reference(json, as: Int64.self))
    if let value = fast(json, as: UInt8.self) { #expect(value == reference(json, as: UInt8.self)) }
    if let value = fast(json, as: UInt64.self) { #expect(value == reference(json, as: UInt64.self)) }
  }

  @Test(
    "Numbers are the nearest ones",
    arguments: ["0.1", "1e22", "-1.7976931348623157e308", "2.2250738585072014e-308", "1E+2"])
  func doubles(json: String) {
    #expect(fast(json, as: Double.self) == reference(json, as: Double.self))
    #expect(fast(json, as: Double.self) != nil)
    if let value = fast(json, as: Float.self) { #expect(value == reference(json, as: Float.self)) }
  }

  @Test(
    "What needs JSONDecoder's rules or errors is left to it",
    arguments: [
      "", "{", "{}", "[]", "null", #"{"id":1.0}"#, #"{"id":99999999999999999999}"#, #"{"id":"1"}"#, #"{"id":1,"id":2}"#,
      #"{"\u0069d":1}"#, #"{"é":1,"id":1}"#, "\u{FEFF}{\"id\":1}", #"{"id":1} x"#,
      #"{"id":\#(String(repeating: "[", count: 600))\#(String(repeating: "]", count: 600))}"#,
    ])
  func void(json: String) {
    struct Event: Decodable { let id: Int }
    #expect(fast(json, as: Event.self) == nil)
  }

  @Test("Types that JSONDecoder decodes by rules of its own are left to it, even if the event's type catches the error")
  func foundationTypes() {
    struct Caught: Decodable {
      let data: Data?
      init(from decoder: any Decoder) throws {
        data = try? decoder.singleValueContainer().decode(Data.self)
      }
    }
    #expect(fast(#""AAE=""#, as: Caught.self) == nil)
    #expect(fast(#"["AAE="]"#, as: [Data].self) == nil)
    #expect(fast("[0,1]", as: Data.self) == nil)
    #expect(fast(#"{"a":"https://a.example"}"#, as: [String: URL].self) == nil)
    #expect(fast("[1.5]", as: [Decimal].self) == nil)
  }

  @Test("A type that tries several forms is decoded as by JSONDecoder, in one way or the other")
  func mixed() throws {
    let json = #"[1,"a",[2,["b"]]]"#
    let value = try Lambda.decode(Array(json.utf8), nil) as Mixed
    #expect(value == reference(json, as: Mixed.self))
    #expect(value == .list([.number(1), .text("a"), .list([.number(2), .list([.text("b")])])]))
  }

  @Test("An array whose elements may throw their own errors is decoded as by JSONDecoder")
  func lossyArray() {
    struct Even: Decodable, Equatable {
      struct Odd: Error {}
      let value: Int
      init(from decoder: any Decoder) throws {
        value = try decoder.singleValueContainer().decode(Int.self)
        guard value.isMultiple(of: 2) else { throw Odd() }
      }
    }
    struct Evens: Decodable, Equatable {
      var values: [Even] = []
      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        while !list.isAtEnd {
          if let even = try? list.decode(Even.self) { values.append(even) } else { _ = try list.decode(Int.self) }
        }
      }
    }
    #expect(fast("[1,2,3,4,4,5]", as: Evens.self)?.values.map(\.value) == [2, 4, 4])
    #expect(fast("[1,2,3,4,4,5]", as: Evens.self) == reference("[1,2,3,4,4,5]", as: Evens.self))
  }

  @Test("Nested containers, super decoders and coding paths are those of JSONDecoder")
  func containers() throws {
    struct Probe: Decodable, Equatable {
      enum Key: String, CodingKey { case list, inner, base, value, missing }
      var seen: [String] = []
      init(from decoder: any Decoder) throws {
        let outer = try decoder.container(keyedBy: Key.self)
        seen.append(outer.allKeys.map(\.stringValue).sorted().joined(separator: ","))
        seen.append("\(outer.contains(.missing)) \(try outer.decodeIfPresent(Int.self, forKey: .missing) ?? -1)")
        let inner = try outer.nestedContainer(keyedBy: Key.self, forKey: .inner)
        seen.append("\(try inner.decode(Int.self, forKey: .value)) \(try inner.decodeNil(forKey: .base))")
        var list = try outer.nestedUnkeyedContainer(forKey: .list)
        seen.append("\(list.count ?? -1) \(try list.decodeNil()) \(list.currentIndex)")
        var deep = try list.nestedUnkeyedContainer()
        seen.append("\(try deep.decode(Bool.self)) \(deep.isAtEnd) \(deep.codingPath.map(\.stringValue))")
        let last = try list.superDecoder()
        seen.append("\(try String(from: last)) \(last.codingPath.map(\.stringValue)) \(list.isAtEnd)")
        seen.append("\(try Double(from: outer.superDecoder(forKey: .base)))")
      }
    }
    let json = #"{"list":[null,[true],"x"],"inner":{"value":4,"base":null},"base":1.5}"#
    let probe = try #require(fast(json, as: Probe.self))
    #expect(probe == reference(json, as: Probe.self))
  }

  @Test("An object with many members is decoded in time proportional to their number", .timeLimit(.minutes(1)))
  func manyMembers() {
    let members = (0..<200_000).map { "\"key\($0)\":\($0)" }
    let values = fast("{\(members.joined(separator: ","))}", as: [String: Int].self)
    #expect(values?.count == 200_000)
    #expect(values?["key199999"] == 199_999)
    #expect(fast("{\(members.joined(separator: ",")),\"key7\":1}", as: [String: Int].self) == nil)
  }

  @Test("A mutated event is never decoded to another value than by JSONDecoder")
  func mutations() {
    var generator = SystemRandomNumberGenerator()
    let pieces = [#"""#, "{", "}", "[", "]", ",", ":", "null", "1", "-", ".", "e9", #"\u"#, "id", "\u{E9}", " "].map {
      Array($0.utf8)
    }
    for _ in 0..<4000 {
      var bytes = Array(Self.order.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes.remove(at: index)
        case 1: bytes.insert(contentsOf: pieces.randomElement(using: &generator) ?? [], at: index)
        default: bytes[index] = UInt8.random(in: 0...255, using: &generator)
        }
      }
      guard let order = EventDecoder.decode(Order.self, from: bytes, except: Lambda.foundationTypes) else { continue }
      #expect(
        order == (try? JSONDecoder().decode(Order.self, from: Data(bytes))), "\(String(decoding: bytes, as: UTF8.self))"
      )
    }
  }
}
