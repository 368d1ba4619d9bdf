import JSON
import TestServers
import Testing

@testable import AWS

/// Decoding of a page of a table.
@Suite struct DynamoDBPageTests {
  /// A page with every member, and white space wherever JSON allows it.
  private static let page = """
    { "Count" : 3 , "Items" : [ { "connectionId" : { "S" : "a\\u0062=" } , "expiresAt" : { "N" : "17" } } , { } ,
     {"l":{"L":[{"M":{}},{"NULL":true}]},"b":{"BOOL":true},"s":{"SS":["x","\\u0079"]},"e":{"S":"é"}} ] , "LastEvaluatedKey" : { "id":{"S":"c"} },
     "More": [1.5e3, null, {"Items":[7]}] }
    """

  @Test("A page is decoded completely")
  func decodesPage() throws {
    let page = try DynamoDB.Page(json: Array(Self.page.utf8))
    #expect(
      page.items == [
        ["connectionId": .string("ab="), "expiresAt": .number("17")], [:],
        ["l": .other, "b": .bool(true), "s": .stringSet(["x", "y"]), "e": .string("é")],
      ])
    #expect(page.lastEvaluatedKey == ["id": .string("c")])
    #expect(try DynamoDB.Page(json: Array(#"{"Items":[],"LastEvaluatedKey":null}"#.utf8)).lastEvaluatedKey == nil)
  }

  @Test("A truncated page is an error")
  func prefixes() {
    let page = Array(Self.page.utf8)
    for count in 0..<page.count {
      #expect(throws: JSONScanner.Mismatch.self) { try DynamoDB.Page(json: Array(page.prefix(count))) }
    }
  }

  @Test("A page with any byte changed is decoded or refused, and never crashes the process")
  func mutations() {
    var random = SplitMix64(seed: 11)
    let page = Array(Self.page.utf8)
    var refused = 0
    for _ in 0..<20_000 {
      var changed = page
      for _ in 0...Int.random(in: 0...2, using: &random) {
        let index = Int.random(in: 0..<changed.count, using: &random)
        switch Int.random(in: 0...2, using: &random) {
        case 0: changed[index] = UInt8.random(in: 0...255, using: &random)
        case 1: changed.remove(at: index)
        default: changed.insert(Array(#"{}[]",:\u0"#.utf8).randomElement(using: &random) ?? 0, at: index)
        }
      }
      if (try? DynamoDB.Page(json: changed)) == nil { refused += 1 }
    }
    #expect((1..<20_000).contains(refused))
  }

  @Test(
    "An invalid page is an error",
    arguments: [
      "[]", "{}", #"{"Items":[1]}"#, #"{"Items":[{"a":"b"}]}"#, #"{"Items":[{"a":{"S":1}}]}"#,
      #"{"Items":[{"a":{"N":1}}]}"#,
      #"{"Items":[{"a":{"SS":"x"}}]}"#, #"{"Items":[{"a":{"SS":[1]}}]}"#, #"{"Items":[{"a":{"SS":null}}]}"#,
      #"{"Items":[{"a":{"BOOL":"true"}}]}"#, #"{"Items":[]} x"#, #"{"Items":[],"LastEvaluatedKey":"a"}"#, "<html>",
    ])
  func foreign(text: String) {
    #expect(throws: JSONScanner.Mismatch.self) { try DynamoDB.Page(json: Array(text.utf8)) }
  }
}
