import JSON
import Testing

/// Positions and values. `JSONTextTests` covers the grammar, which `JSONIndex` shares with the scanner.
struct JSONIndexTests {
  private func index(_ text: String) throws -> JSONIndex { try #require(JSONIndex(Array(text.utf8))) }

  @Test("Values follow each other in the order of the text, and each leads to the next")
  func order() throws {
    let index = try index(#" {"a":[1,{"b":null},[]],"c":"x\n","d":true} "#)
    #expect(index.kind(0) == .object)
    #expect(index.count(0) == 3)
    let list = try #require(index.member("a", of: 0))
    #expect(index.kind(list) == .array)
    #expect(index.count(list) == 3)
    #expect(index.integer(list + 1) == 1)
    let inner = index.next(list + 1)
    #expect(index.member("b", of: inner).map(index.kind) == .null)
    #expect(index.kind(index.next(inner)) == .array)
    #expect(index.count(index.next(inner)) == 0)
    #expect(index.string(index.next(list)) == "c")
    #expect(index.member("c", of: 0).flatMap(index.string) == "x\n")
    #expect(index.member("d", of: 0).map(index.kind) == .true)
    #expect(index.member("b", of: 0) == nil)
    #expect(index.next(0) == 12)
  }

  @Test("A text that is not JSON, or is nested too deeply, has no index")
  func noIndex() throws {
    #expect(JSONIndex([]) == nil)
    #expect(JSONIndex(Array("{} {}".utf8)) == nil)
    func nested(_ depth: Int) -> [UInt8] { Array(repeating: 0x5B, count: depth) + Array(repeating: 0x5D, count: depth) }
    #expect(JSONIndex(nested(JSONIndex.maximumDepth)) != nil)
    #expect(JSONIndex(nested(JSONIndex.maximumDepth + 1)) == nil)
    #expect(JSONIndex(nested(3_000_000)) == nil)
  }

  @Test("A number out of a type's range has no value of that type")
  func range() throws {
    let index = try index("[128,-129,-1,1.0,1e400,1e-400,9223372036854775808,1e2]")
    #expect(index.integer(1) as Int8? == nil)
    #expect(index.integer(2) as Int8? == nil)
    #expect(index.integer(3) as UInt8? == nil)
    #expect(index.integer(4) as Int? == nil)
    #expect(index.floatingPoint(5) as Double? == nil)
    #expect(index.floatingPoint(6) as Double? == nil)
    #expect(index.integer(7) as Int? == nil)
    #expect(index.integer(7) as UInt64? == 9_223_372_036_854_775_808)
    #expect(index.floatingPoint(8) as Double? == 100)
    #expect(index.string(1) == nil)
    #expect(index.integer(0) as Int? == nil)
  }

  @Test("Names are compared byte by byte, and two members of one name are found")
  func names() throws {
    let index = try index(#"{"id":1,"i":2,"":3,"idx":4}"#)
    #expect(index.member("i", of: 0).flatMap(index.integer) == 2)
    #expect(index.member("", of: 0).flatMap(index.integer) == 3)
    #expect(index.hasUniqueNames(0))
    #expect(index.hasPlainNames)
    #expect(try !self.index(#"{"a":1,"b":{"c":1},"a":2}"#).hasUniqueNames(0))
    #expect(try !self.index(#"[{"\u0061":1}]"#).hasPlainNames)
  }
}
